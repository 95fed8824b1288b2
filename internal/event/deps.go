package event

import (
	_ "github.com/cloudevents/sdk-go/sql/v2" // the engine of filters in SQL
	_ "github.com/cloudevents/sdk-go/v2/event"
)

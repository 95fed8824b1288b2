package fromzaqar

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

// TypeMessages is the type of the events of a trigger whose batch is greater than one. Its data is
// {"messages": [{"id": …, "body": …}]}, even of one message.
const TypeMessages = event.TypeMessage + "s"

// made returns the event of messages that were claimed just now. It has the same id each time that
// the same messages come together.
func made(t faas.Trigger, s Settings, of []zaqar.Message, now time.Time) (event.Event, error) {
	if s.Batch == 1 {
		return event.FromZaqar(s.Queue, t.ProjectID, of[0].Body, of[0].ID, now.Add(-of[0].Age))
	}
	type message struct {
		ID   string          `json:"id"`
		Body json.RawMessage `json:"body"`
	}
	var data struct {
		Messages []message `json:"messages"`
	}
	ids := sha256.New()
	for _, m := range of {
		data.Messages = append(data.Messages, message{m.ID, m.Body})
		fmt.Fprintf(ids, "%d %s ", len(m.ID), m.ID)
	}
	text, err := json.Marshal(data)
	if err != nil {
		return event.Event{}, faas.Errorf(faas.Invalid, "A message of the queue is no JSON.").WithCause(err)
	}
	e, err := event.FromZaqar(s.Queue, t.ProjectID, text, hex.EncodeToString(ids.Sum(nil)), now)
	e.SetType(TypeMessages)
	return e, err
}

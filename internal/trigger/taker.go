package trigger

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/openstack-faas/faas/internal/faas"
)

// Taker takes events in. Intake is the one that the service uses; those who fetch events need no
// more of it than this.
type Taker interface {
	// Take has an event execute the trigger's function, unless the trigger does not want it. No error
	// says that the event is settled: it is a queued execution, was one before, did not pass the
	// filter, or was refused and is a dead letter, which the trigger's user is told. After an error,
	// of kind faas.Busy, OverQuota or Unavailable, it is not, and is to be brought again later.
	Take(ctx context.Context, t faas.Trigger, e event.Event) (Taken, error)
}

// Taken is what became of an event.
type Taken struct {
	Outcome     Outcome
	ExecutionID string // of Queued and Duplicate
	Why         error  // of Refused: a *faas.Error
	Buried      bool   // of Refused: it is a dead letter
}

// Outcome says what became of an event.
type Outcome string

// The outcomes.
const (
	Queued    Outcome = "queued"    // it is an execution
	Duplicate Outcome = "duplicate" // it was one before
	Filtered  Outcome = "filtered"  // it did not pass the filter
	Paused    Outcome = "paused"    // the trigger wants no events for a while
	Refused   Outcome = "refused"   // it can be no execution, whenever it comes
)

package notify

import (
	"encoding/json"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// Notifier makes the events of notifications. Its callers keep them in the outbox, in the
// transaction of what they record. It is safe for concurrent use; all methods of a nil Notifier
// return nothing.
type Notifier struct {
	Publisher string           // publisher_id: service.host
	Starts    bool             // also when executions begin
	Now       func() time.Time // nil: time.Now
}

// Function returns the event of a function that the user has made, changed or deleted.
func (n *Notifier) Function(kind, userID, requestID string, f faas.Function) []store.Event {
	if n == nil {
		return nil
	}
	e := n.event(kind)
	e.ofFunction(f)
	e.UserID, e.RequestID, e.Source, e.Size = userID, requestID, string(f.Code.Source), f.Code.Size
	e.Timeout, e.Created, e.Updated = micros(f.Timeout.Microseconds()), microsOf(f.CreatedAt), microsOf(f.UpdatedAt)
	return kept(faas.NewID(), e)
}

// Started returns the event of an execution that begins.
func (n *Notifier) Started(f faas.Function, x faas.Execution) []store.Event {
	if n == nil || !n.Starts {
		return nil
	}
	return kept(faas.NewID(), n.execution(ExecutionStart, f, x))
}

// Ended returns the event of an execution that ended, by its status; took is how long it ran. Of an
// execution whose function is gone, f is the zero Function. The event's id is the execution's: it
// ends once.
func (n *Notifier) Ended(f faas.Function, x faas.Execution, took time.Duration) []store.Event {
	if n == nil {
		return nil
	}
	kind := ExecutionEnd
	switch {
	case x.Status == faas.ExecutionError:
		kind = ExecutionError
	case x.Status == faas.ExecutionCancelled && x.StartedAt.IsZero():
		kind = ExecutionCancel
	}
	e := n.execution(kind, f, x)
	e.Took = micros(took.Microseconds())
	return kept(x.ID, e)
}

// execution leaves out of an execution what is its caller's alone: input, result and log.
func (n *Notifier) execution(kind string, f faas.Function, x faas.Execution) event {
	e := n.event(kind)
	e.ofFunction(f)
	e.ProjectID, e.FunctionID, e.UserID, e.RequestID = x.ProjectID, x.FunctionID, x.UserID, x.RequestID
	e.ExecutionID, e.Version, e.Sync, e.Status = x.ID, x.FunctionVersion, x.Sync, string(x.Status)
	e.Created, e.Started, e.Ended = microsOf(x.CreatedAt), microsOf(x.StartedAt), microsOf(x.EndedAt)
	return e
}

func (n *Notifier) event(kind string) event {
	now := n.Now
	if now == nil {
		now = time.Now
	}
	return event{Kind: kind, Publisher: n.Publisher, At: microsOf(now())}
}

func kept(id string, e event) []store.Event {
	text, _ := json.Marshal(e) // strings and numbers: cannot fail
	return []store.Event{{ID: id, Body: string(text)}}
}

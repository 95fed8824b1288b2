package triggertest

import (
	"context"
	"sync"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
)

// Taker takes events as the service does, and remembers them: what comes again is a duplicate.
type Taker struct {
	// Refuse is asked first, when it is set: its error is Take's.
	Refuse func(e event.Event) error

	mu         sync.Mutex
	events     map[key]event.Event
	order      []event.Event
	duplicates int
}

type key struct{ trigger, source, id string }

// Take implements trigger.Taker.
func (k *Taker) Take(ctx context.Context, t faas.Trigger, e event.Event) (trigger.Taken, error) {
	if ctx.Err() != nil {
		return trigger.Taken{}, faas.Errorf(faas.Unavailable, "It is over.").WithCause(ctx.Err())
	}
	if k.Refuse != nil {
		if err := k.Refuse(e); err != nil {
			return trigger.Taken{}, err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	of := key{t.ID, e.Source(), e.ID()}
	if _, there := k.events[of]; there {
		k.duplicates++
		return trigger.Taken{Outcome: trigger.Duplicate, ExecutionID: e.ID()}, nil
	}
	if k.events == nil {
		k.events = map[key]event.Event{}
	}
	k.events[of] = e
	k.order = append(k.order, e)
	return trigger.Taken{Outcome: trigger.Queued, ExecutionID: e.ID()}, nil
}

// Events returns what was taken, each once, in the order in which it came.
func (k *Taker) Events() []event.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]event.Event(nil), k.order...)
}

// Duplicates returns how often something came again.
func (k *Taker) Duplicates() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.duplicates
}

// Watched is a taker with somebody who looks on.
type Watched struct {
	trigger.Taker
	After func(e event.Event) // each that was taken
}

// Take implements trigger.Taker.
func (w *Watched) Take(ctx context.Context, t faas.Trigger, e event.Event) (trigger.Taken, error) {
	taken, err := w.Taker.Take(ctx, t, e)
	if err == nil {
		w.After(e)
	}
	return taken, err
}

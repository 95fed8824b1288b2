package local

import (
	"context"
	"sync"

	"github.com/openstack-faas/faas/internal/orchestrator"
)

// eventBacklog is how many events a reader may lag behind before it loses the oldest.
const eventBacklog = 256

// fanout delivers events to every reader without ever waiting for one.
type fanout struct {
	mu      sync.Mutex
	closed  bool
	readers map[chan orchestrator.Event]struct{}
}

// subscribe gives a channel of what is sent from now until ctx or the fanout ends.
func (f *fanout) subscribe(ctx context.Context) <-chan orchestrator.Event {
	events := make(chan orchestrator.Event, eventBacklog)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		close(events)
		return events
	}
	if f.readers == nil {
		f.readers = map[chan orchestrator.Event]struct{}{}
	}
	f.readers[events] = struct{}{}
	context.AfterFunc(ctx, func() { f.unsubscribe(events) })
	return events
}

func (f *fanout) unsubscribe(events chan orchestrator.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.readers[events]; there {
		delete(f.readers, events)
		close(events)
	}
}

// send is the only one that writes to the channels and holds the lock meanwhile, so the place that it makes stays free.
func (f *fanout) send(event orchestrator.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for events := range f.readers {
		if len(events) == cap(events) {
			select {
			case <-events:
			default: // the reader was quicker
			}
		}
		events <- event
	}
}

// close ends every subscription; there are no events after it.
func (f *fanout) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for events := range f.readers {
		delete(f.readers, events)
		close(events)
	}
}

package orchestrator

import (
	"context"
	"sync"
)

// eventBacklog is how many events a reader may lag behind before it loses the oldest.
const eventBacklog = 256

// Fanout delivers events to every reader and never waits for one. Its zero value is ready; it is
// safe for concurrent use.
type Fanout struct {
	mu      sync.Mutex
	closed  bool
	readers map[chan Event]struct{}
}

// Subscribe returns a channel of the events that are sent from now until ctx or the fanout ends.
func (f *Fanout) Subscribe(ctx context.Context) <-chan Event {
	events := make(chan Event, eventBacklog)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		close(events)
		return events
	}
	if f.readers == nil {
		f.readers = map[chan Event]struct{}{}
	}
	f.readers[events] = struct{}{}
	context.AfterFunc(ctx, func() { f.unsubscribe(events) })
	return events
}

func (f *Fanout) unsubscribe(events chan Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.readers[events]; there {
		delete(f.readers, events)
		close(events)
	}
}

// Send delivers the event to every reader; one that lags behind by eventBacklog loses its oldest
// event.
//
// Nothing else writes to the channels, and it holds the lock meanwhile, so the room that it makes
// stays free.
func (f *Fanout) Send(event Event) {
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

// Close ends every subscription; there are no events after it.
func (f *Fanout) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for events := range f.readers {
		delete(f.readers, events)
		close(events)
	}
}

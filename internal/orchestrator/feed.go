package orchestrator

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
)

// Change is the latest state of one worker.
type Change struct {
	Worker faas.Worker // as it is now; as it was last, and not ready, when it is gone
	Gone   bool        // the worker ended: it was removed, crashed or was replaced
	Reason string      // why it is gone, in a few words; "" while it is there
}

// Feed holds the workers that an orchestrator shows and delivers every change of them, without
// loss, to any number of watchers. It never waits for a watcher. Its zero value is ready; it is
// safe for concurrent use.
//
// Each watcher has a queue of its own, which holds one change per worker: a newer change of the
// same worker takes the place of one that the watcher has not received yet. So a slow watcher
// skips intermediate states but never misses the latest one, and its queue never holds more
// changes than there are workers, plus those which it has seen and which have ended since.
//
// The orchestrator calls Set and End while it holds the lock of its own state: the feed then shows
// the changes in the order in which they happened.
type Feed struct {
	mu       sync.Mutex
	closed   bool
	sequence uint64 // of the last change
	workers  map[string]faas.Worker
	watchers map[*watcher]struct{}
}

// watcher is one reader's queue. The feed's lock guards its fields, except wake and out.
type watcher struct {
	seen    map[string]struct{} // ids of the workers that the reader was shown, without those whose end it was shown too
	pending map[string]pendingChange
	ended   bool          // there will be no further changes
	wake    chan struct{} // holds a token while there is something to look at
	out     chan []Change
}

type pendingChange struct {
	Change
	sequence uint64 // orders the changes
}

// Workers returns a copy of every worker that the feed shows now, in no particular order.
func (f *Feed) Workers() []faas.Worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]faas.Worker, 0, len(f.workers))
	for _, w := range f.workers {
		all = append(all, w)
	}
	return all
}

// Set shows the worker, or its new state. A state that is shown already is no change.
func (f *Feed) Set(w faas.Worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, there := f.workers[w.ID]
	if f.closed || there && same(old, w) {
		return
	}
	if f.workers == nil {
		f.workers = map[string]faas.Worker{}
	}
	f.workers[w.ID] = w
	f.publish(Change{Worker: w})
}

// same compares the times as times: a decoder may represent one instant in different ways.
func same(a, b faas.Worker) bool {
	if !a.StartedAt.Equal(b.StartedAt) {
		return false
	}
	a.StartedAt = b.StartedAt
	return a == b
}

// End takes the worker out and says why it ended. It does nothing for a worker that is not shown.
func (f *Feed) End(workerID, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, there := f.workers[workerID]
	if f.closed || !there {
		return
	}
	delete(f.workers, workerID)
	w.Ready = false
	f.publish(Change{Worker: w, Gone: true, Reason: reason})
}

// publish queues the change for every watcher; the lock is held.
func (f *Feed) publish(c Change) {
	f.sequence++
	for w := range f.watchers {
		w.push(c, f.sequence)
	}
}

// push queues the change in place of an older one of the same worker; the feed's lock is held.
func (w *watcher) push(c Change, sequence uint64) {
	if _, seen := w.seen[c.Worker.ID]; c.Gone && !seen {
		// It came and went unseen. Dropping it is what bounds the queue of a reader that stands
		// still.
		delete(w.pending, c.Worker.ID)
		return
	}
	w.pending[c.Worker.ID] = pendingChange{Change: c, sequence: sequence}
	w.rouse()
}

func (w *watcher) rouse() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Watch delivers batches of changes until ctx ends or the feed is closed; then the channel is
// closed. The first batch holds every worker there is, and is empty if there are none. Each later
// batch holds what changed since the one before, in order, with at most one change per worker. A
// feed that is closed delivers what was queued before it closes the channel.
//
// A reader that stops reading must end ctx.
func (f *Feed) Watch(ctx context.Context) <-chan []Change {
	w := &watcher{
		seen: map[string]struct{}{}, pending: map[string]pendingChange{},
		wake: make(chan struct{}, 1), out: make(chan []Change),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, worker := range f.workers {
		w.pending[id] = pendingChange{Change: Change{Worker: worker}}
	}
	w.ended = f.closed
	if f.watchers == nil {
		f.watchers = map[*watcher]struct{}{}
	}
	f.watchers[w] = struct{}{}
	go f.deliver(ctx, w)
	return w.out
}

// deliver hands the watcher's queue to its reader, batch by batch. While the reader is busy the
// queue goes on taking changes, so a batch that was taken out may be followed by a newer state of
// the same workers, never by an older one.
func (f *Feed) deliver(ctx context.Context, w *watcher) {
	defer func() {
		f.mu.Lock()
		delete(f.watchers, w)
		f.mu.Unlock()
		close(w.out)
	}()
	for first := true; ; first = false {
		batch, ended := f.take(w)
		if first || len(batch) > 0 {
			select {
			case w.out <- batch:
			case <-ctx.Done():
				return
			}
			continue
		}
		if ended {
			return
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
	}
}

// take empties the watcher's queue, oldest change first. ended reports whether the feed is closed.
func (f *Feed) take(w *watcher) (batch []Change, ended bool) {
	f.mu.Lock()
	queued := make([]pendingChange, 0, len(w.pending))
	for id, c := range w.pending {
		queued = append(queued, c)
		if c.Gone {
			delete(w.seen, id)
		} else {
			w.seen[id] = struct{}{}
		}
	}
	clear(w.pending)
	ended = w.ended
	f.mu.Unlock()

	slices.SortFunc(queued, func(a, b pendingChange) int { return cmp.Compare(a.sequence, b.sequence) })
	batch = make([]Change, len(queued))
	for i, c := range queued {
		batch[i] = c.Change
	}
	return batch, ended
}

// Close ends every watch once its reader has received what is queued. Nothing changes afterwards.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for w := range f.watchers {
		w.ended = true
		w.rouse()
	}
}

package agent

import (
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// worker is what the agent knows of its own state, and the bound on how many calls run: claiming,
// busy slots, draining.
type worker struct {
	slots int
	now   func() time.Time

	mu       sync.Mutex
	warm     bool
	needs    int64 // bytes of the warm runtime: faas.WorkerStatus.Footprint
	varies   bool  // the runtime sets variables: faas.WorkerStatus.Environment
	claiming bool  // a specialisation is under way, or done
	owner    *faas.Specialisation
	draining bool
	busy     int
	idle     []*slot // the one used last is at the end: it is the warmest
	since    time.Time
}

func newWorker(slots int, now func() time.Time) *worker {
	return &worker{slots: slots, now: now, since: now()}
}

// status returns the worker's state.
func (w *worker) status() faas.WorkerStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := faas.WorkerStatus{State: w.state(), Slots: w.slots, Busy: w.busy, Footprint: w.needs, Environment: w.varies}
	if w.owner != nil {
		s.Key = w.owner.Key
	}
	if w.busy == 0 {
		s.IdleFor = w.now().Sub(w.since)
	}
	return s
}

func (w *worker) state() string {
	switch {
	case w.draining:
		return faas.WorkerDraining
	case !w.warm:
		return faas.WorkerStarting
	case w.owner != nil:
		return faas.WorkerSpecialised
	default:
		return faas.WorkerGeneric
	}
}

// becomeWarm makes the worker claimable, with its first slot waiting.
func (w *worker) becomeWarm(first *slot, footprint int64, varies bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.warm, w.needs, w.varies = true, footprint, varies
	w.since = w.now()
	w.idle = append(w.idle, first)
}

// claim lets one specialisation begin; the others are refused. The first slot goes with it.
func (w *worker) claim() (first *slot, refused string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.draining:
		return nil, faas.RefusedDraining
	case !w.warm:
		return nil, faas.RefusedStarting
	case w.claiming:
		return nil, faas.RefusedClaimed
	}
	w.claiming = true
	first, w.idle = w.idle[0], nil
	return first, ""
}

// unclaim undoes a claim of which nothing has come.
func (w *worker) unclaim(first *slot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.claiming = false
	w.idle = append(w.idle, first)
}

// specialised makes the worker the function's; first is nil when it could not be kept.
func (w *worker) specialised(s faas.Specialisation, first *slot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owner = &s
	w.since = w.now()
	if first != nil {
		w.idle = append(w.idle, first)
	}
}

// acquire takes a place for a call of the key, with an idle slot if there is one.
func (w *worker) acquire(key faas.Key) (idle *slot, refused string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.owner == nil || w.owner.Key != key:
		return nil, faas.RefusedNotMine
	case w.draining:
		return nil, faas.RefusedDraining
	case w.busy == w.slots:
		return nil, faas.RefusedBusy
	}
	w.busy++
	return w.pop(), ""
}

func (w *worker) pop() *slot {
	last := len(w.idle) - 1
	if last < 0 {
		return nil
	}
	s := w.idle[last]
	w.idle = w.idle[:last]
	return s
}

// another takes a further idle slot for a place that is held already, when the first proved dead.
func (w *worker) another() *slot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pop()
}

// release ends a call; s is nil when its slot is gone.
func (w *worker) release(s *slot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
	w.since = w.now()
	if s != nil {
		w.idle = append(w.idle, s)
	}
}

// drain lets the worker take no more, if it has been idle for that long; it reports whether it has.
func (w *worker) drain(idle time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.draining {
		return w.busy == 0
	}
	if w.busy > 0 || w.claiming && w.owner == nil || w.now().Sub(w.since) < idle {
		return false
	}
	w.draining = true
	return true
}

// refuse lets the worker take no more, idle or not.
func (w *worker) refuse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.draining = true
}

// specialisation returns whose the worker is. It must be somebody's.
func (w *worker) specialisation() faas.Specialisation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *w.owner
}

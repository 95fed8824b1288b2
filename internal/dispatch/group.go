package dispatch

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// group is the known workers of one key and the calls that wait for them, first come first served.
// The dispatcher's lock guards it. Its workers are those that this process has acquired; other
// processes may use the same workers, and find out by an answer that one is busy.
type group struct {
	d       *Dispatcher
	target  faas.Target
	workers []*worker
	waiters []*waiter
	growth  growth
}

// worker is a known worker and how many of its slots this dispatcher uses.
type worker struct {
	faas.Worker
	used  int
	shut  bool // refused a call as busy a moment ago: other processes use it too
	gone  bool
	group *group
}

// slot is the right to run one call on a worker.
type slot struct {
	worker *worker
	cold   bool // the call waited for a worker to become its function's
}

// waiter is a call that waits for a slot. Its channel has room for the one answer it gets.
type waiter struct {
	group *group
	since time.Time
	got   chan answer
	trace context.Context // of its wait, for who looks for a worker because of it
}

type answer struct {
	slot *slot
	err  error
}

func newGroup(d *Dispatcher, target faas.Target) *group { return &group{d: d, target: target} }

// free takes a slot of the least busy worker, nil when there is none or when others were here
// first.
func (g *group) free() *slot {
	if len(g.waiters) > 0 {
		return nil
	}
	return g.takeSlot()
}

func (g *group) takeSlot() *slot {
	var best *worker
	for _, w := range g.workers {
		if w.used < w.Slots && !w.shut && (best == nil || w.used < best.used) {
			best = w
		}
	}
	if best == nil {
		return nil
	}
	best.used++
	return &slot{worker: best}
}

// queue adds a waiter, and has the group grow if it waits for long. Calls are served in the order
// of since: a call that a worker refused as busy keeps its place, so that the time that the head
// has waited is what calls really wait.
func (g *group) queue(since time.Time) *waiter {
	w := &waiter{group: g, since: since, got: make(chan answer, 1)}
	at, _ := slices.BinarySearchFunc(g.waiters, w, func(a, b *waiter) int {
		return cmp.Or(a.since.Compare(b.since), -1) // after those that have waited as long
	})
	g.waiters = slices.Insert(g.waiters, at, w)
	g.grow()
	return w
}

// serve hands free slots to those who wait, in their order.
func (g *group) serve() {
	for len(g.waiters) > 0 {
		s := g.takeSlot()
		if s == nil {
			return
		}
		g.waiters[0].got <- answer{slot: s}
		g.waiters = slices.Delete(g.waiters, 0, 1)
	}
}

// fail ends every wait with the error: no worker will come.
func (g *group) fail(err error) {
	for _, w := range g.waiters {
		w.got <- answer{err: err}
	}
	g.waiters = nil
}

func (g *group) add(w faas.Worker) {
	if slices.ContainsFunc(g.workers, func(k *worker) bool { return k.ID == w.ID }) {
		return
	}
	g.workers = append(g.workers, &worker{Worker: w, group: g})
	g.serve()
}

// drop forgets a worker; its calls under way end by themselves.
func (g *group) drop(w *worker) {
	w.gone = true
	g.workers = slices.DeleteFunc(g.workers, func(k *worker) bool { return k == w })
	g.d.cfg.Client.Forget(w.Worker)
	g.grow()
	g.tidy()
}

// tidy forgets a group that has no workers, no waiting calls and no acquisition under way.
func (g *group) tidy() {
	if len(g.workers) == 0 && len(g.waiters) == 0 && g.growth.running == 0 && g.d.groups[g.target.Key] == g {
		delete(g.d.groups, g.target.Key)
	}
}

// request returns the request for one more worker of the group.
func (g *group) request() faas.AcquireRequest {
	r := faas.AcquireRequest{
		Target:  g.target,
		Caller:  g.d.id,
		Waiting: len(g.waiters),
		Known:   make([]string, 0, len(g.workers)),
	}
	for _, w := range g.workers {
		r.Known = append(r.Known, w.ID)
		r.Running += w.used
	}
	shunned, silent := g.d.shunned.of(g.target.Key)
	r.Known, r.Silent = append(r.Known, shunned...), silent
	if len(g.waiters) > 0 {
		r.Waited = g.headWait()
	}
	return r
}

// wait waits for the slot until the context ends.
func (w *waiter) wait(ctx context.Context, d *Dispatcher) (*slot, error) {
	select {
	case a := <-w.got:
		return a.slot, a.err
	case <-ctx.Done():
	case <-d.ctx.Done():
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	w.group.waiters = slices.DeleteFunc(w.group.waiters, func(k *waiter) bool { return k == w })
	select {
	case a := <-w.got: // it came while we gave up: take it, or the slot would be lost
		return a.slot, a.err
	default:
	}
	if d.ctx.Err() != nil {
		return nil, faas.Errorf(faas.Unavailable, "The service is stopping.")
	}
	if last := w.group.growth.last; last != nil &&
		(len(w.group.workers) == 0 && faas.KindOf(last) == faas.Unavailable || saysWhen(last)) {
		return nil, last // whoever has the workers knows best why there is none
	}
	return nil, busy("No worker of the function came free in time.")
}

// saysWhen reports whether the error is of kind Busy and says when to come again.
func saysWhen(err error) bool {
	var known *faas.Error
	return errors.As(err, &known) && known.Kind == faas.Busy && known.RetryAfter > 0
}

// release frees the slot.
func (s *slot) release() {
	d := s.worker.group.d
	d.mu.Lock()
	defer d.mu.Unlock()
	s.free()
	s.worker.group.serve()
}

func (s *slot) free() {
	s.worker.used--
	if s.worker.gone {
		s.worker.group.d.cfg.Client.Forget(s.worker.Worker)
	}
}

// lose frees the slot and drops its worker. silent says that the worker did not answer, so that
// whoever has the workers finds out whether it lives.
func (s *slot) lose(silent bool) {
	d := s.worker.group.d
	d.mu.Lock()
	defer d.mu.Unlock()
	s.free()
	d.shunned.add(s.worker.Worker, silent)
	if !s.worker.gone {
		s.worker.group.drop(s.worker)
	}
}

// leave frees the slot and forgets its worker, against which nothing is held: whoever hands workers
// out says where it is now.
func (s *slot) leave() {
	d := s.worker.group.d
	d.mu.Lock()
	defer d.mu.Unlock()
	s.free()
	if !s.worker.gone {
		s.worker.group.drop(s.worker)
	}
}

// shutFor is how long a worker that answered busy is left alone: others fill its slots, and calls
// are short.
const shutFor = 20 * time.Millisecond

// busyElsewhere frees the slot and leaves its worker alone for a moment.
func (s *slot) busyElsewhere() {
	d := s.worker.group.d
	d.mu.Lock()
	defer d.mu.Unlock()
	s.free()
	s.worker.shut = true
	time.AfterFunc(shutFor, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		s.worker.shut = false
		s.worker.group.serve()
	})
}

package asyncrun

import (
	"context"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// leases are the executions that this engine runs now, or is about to.
type leases struct {
	mu  sync.Mutex
	ids map[string]bool // whether the claim is known to have succeeded
}

func newLeases() leases { return leases{ids: map[string]bool{}} }

// begin says that a row is being claimed. One claim at a time is made here of a row: undoing one
// that is in doubt would undo another's.
func (l *leases) begin(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	held, known := l.ids[id]
	switch {
	case held:
		return errNotOurs
	case known:
		return errInDoubt()
	}
	l.ids[id] = false
	return nil
}

// errInDoubt says that a claim of the row was made here and that nobody knows yet how it went.
func errInDoubt() error {
	return faas.Errorf(faas.Busy, "It is not known yet whether the execution is claimed.")
}

// inDoubt reports whether a claim was made here of which it is not known how it went.
func (l *leases) inDoubt(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	held, known := l.ids[id]
	return known && !held
}

// hold says that the claim has succeeded.
func (l *leases) hold(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids[id] = true
}

// Held returns how many executions this engine holds leases of.
func (r *Runner) Held() int { return len(r.leases.held()) }

func (l *leases) drop(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ids, id)
}

// held returns those whose leases are to be renewed.
func (l *leases) held() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]string, 0, len(l.ids))
	for id, held := range l.ids {
		if held {
			ids = append(ids, id)
		}
	}
	return ids
}

// renewalsPerLease is how often a lease is renewed within its length: two renewals may fail before
// it is lost.
const renewalsPerLease = 3

// RenewInterval returns the pause between two calls of RenewLeases.
func (r *Runner) RenewInterval() time.Duration { return r.cfg.Lease / renewalsPerLease }

// RenewLeases keeps the executions that run here this engine's. One that was settled all the same
// stays in the list until its end: finish finds it out.
func (r *Runner) RenewLeases(ctx context.Context) {
	ids := r.leases.held()
	if len(ids) == 0 {
		return
	}
	lost, err := r.cfg.Store.RenewLeases(ctx, r.cfg.Name, ids, r.cfg.Lease)
	if err != nil {
		r.log.Warn("leases could not be renewed", "executions", len(ids), "error", err)
	}
	for _, id := range lost {
		// News of a cancellation may be lost: this finds it out.
		if x, err := r.cfg.Store.Execution(ctx, faas.AnyProject(), id); err == nil && x.Status == faas.ExecutionCancelled {
			r.cfg.Cancel(id)
		}
	}
}

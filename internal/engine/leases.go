package engine

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

func (l *leases) init() { l.ids = map[string]bool{} }

// begin says that a row is being claimed. One claim at a time is made here of a row: undoing one that is in doubt would undo another's.
func (l *leases) begin(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	held, known := l.ids[id]
	switch {
	case held:
		return errNotOurs
	case known:
		return faas.Errorf(faas.Busy, "It is not known yet whether the execution is claimed.")
	}
	l.ids[id] = false
	return nil
}

// hold says that the claim has succeeded.
func (l *leases) hold(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids[id] = true
}

func (l *leases) drop(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ids, id)
}

// held gives those whose leases are to be renewed.
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

// renewalsPerLease is how often a lease is renewed within its length: two renewals may fail before it is lost.
const renewalsPerLease = 3

// renewLeases keeps the executions that run here ours. One that was settled all the same stays in the list until its end: Finish finds it out.
func (e *Engine) renewLeases(ctx context.Context) {
	every(ctx, e.cfg.Limits.Lease/renewalsPerLease, func(ctx context.Context) {
		ids := e.leases.held()
		if len(ids) == 0 {
			return
		}
		if _, err := e.cfg.Store.RenewLeases(ctx, e.cfg.Name, ids, e.cfg.Limits.Lease); err != nil {
			e.log.Warn("leases could not be renewed", "executions", len(ids), "error", err)
		}
	})
}

// settleBatch is how many rows one look settles.
const settleBatch = 500

// settle ends what dead processes left running.
func (e *Engine) settle(ctx context.Context) {
	var hold holdOff
	every(ctx, e.cfg.Limits.Reap, func(ctx context.Context) { e.settleExpired(ctx, &hold) })
}

// holdOff keeps leases from being settled just after the database was away: nobody could renew theirs, and those who live do so first.
type holdOff struct{ until time.Time }

// slowAnswer is how long a database takes that was away meanwhile.
const slowAnswer = 2 * time.Second

// answered takes in how a request to the database went that was begun at a time.
func (h *holdOff) answered(err error, begun, now time.Time, lease time.Duration) {
	if err != nil || now.Sub(begun) > slowAnswer {
		h.until = now.Add(lease)
	}
}

// settleExpired ends the running executions whose lease is over.
func (e *Engine) settleExpired(ctx context.Context, hold *holdOff) {
	begun := e.now()
	if begun.Before(hold.until) {
		err := e.cfg.Store.Ping(ctx)
		hold.answered(err, begun, e.now(), e.cfg.Limits.Lease)
		return
	}
	settled, err := e.cfg.Store.SettleExpired(ctx, settleBatch)
	hold.answered(err, begun, e.now(), e.cfg.Limits.Lease)
	if err != nil {
		e.log.Warn("expired leases could not be settled", "error", err)
	}
	for _, x := range settled {
		e.log.Warn("settled an execution whose process was lost", "execution_id", x.ID, "function_id", x.FunctionID, "owner", x.Owner)
		e.tellLost(ctx, x)
	}
}

// tellLost tells other services of an execution of which nobody knows how long it ran.
func (e *Engine) tellLost(ctx context.Context, x faas.Execution) {
	if e.cfg.Notify == nil {
		return
	}
	f, err := e.cfg.Store.Function(ctx, faas.OneProject(x.ProjectID), x.FunctionID)
	if err != nil {
		f = faas.Function{} // deleted, or away: its id is in the execution
	}
	x.Status = faas.ExecutionError
	e.cfg.Notify.Ended(f, x, 0)
}

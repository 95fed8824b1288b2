package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
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
		if _, err := e.cfg.Store.RenewLeases(ctx, e.cfg.Name, ids, e.now().Add(e.cfg.Limits.Lease)); err != nil {
			e.log.Warn("leases could not be renewed", "executions", len(ids), "error", err)
		}
	})
}

// How many rows one look repairs.
const (
	settleBatch = 500
	wakeBatch   = 500
)

// reap repairs what a lost message or a dead process left behind.
func (e *Engine) reap(ctx context.Context) {
	e.wakeUp(ctx, e.now().Add(store.WakeAfter)) // this engine's start may have been preceded by its broker's: wake all
	var hold holdOff
	every(ctx, e.cfg.Limits.Reap, func(ctx context.Context) {
		e.settleExpired(ctx, &hold)
		e.wakeUp(ctx, e.now())
	})
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
	settled, err := e.cfg.Store.SettleExpired(ctx, begun, settleBatch)
	hold.answered(err, begun, e.now(), e.cfg.Limits.Lease)
	if err != nil {
		e.log.Warn("expired leases could not be settled", "error", err)
	}
	for _, x := range settled {
		e.log.Warn("settled an execution whose process was lost", "execution_id", x.ID, "function_id", x.FunctionID, "owner", x.Owner)
	}
}

// wakeUp publishes the queued executions again whose message is taken for lost by the time given. Those of a project whose lane is known to be
// backed up are passed over: their messages are not lost, only far back.
func (e *Engine) wakeUp(ctx context.Context, due time.Time) {
	for {
		ids, err := e.cfg.Store.TakeStale(ctx, due, wakeBatch, e.backedUp()...)
		if err != nil {
			e.log.Warn("queued executions could not be looked up", "error", err)
		}
		for _, id := range ids {
			if err := e.publish(ctx, id); err != nil {
				e.log.Warn("a queued execution could not be published again", "execution_id", id, "error", err)
			}
		}
		if len(ids) < wakeBatch {
			return
		}
	}
}

// backedUp gives the projects that wait at the gate while their lane holds more than this engine has taken from it.
func (e *Engine) backedUp() []string {
	return slices.DeleteFunc(e.gate.crowd(), func(project string) bool { return !e.lanes.backedUp(project) })
}

func (e *Engine) publish(ctx context.Context, id string) error {
	x, err := e.cfg.Store.Execution(ctx, faas.AnyProject(), id)
	if err != nil {
		return err
	}
	return e.cfg.Broker.Enqueue(ctx, faas.ExecutionsQueue(x.ProjectID), []byte(id))
}

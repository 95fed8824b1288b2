package asyncrun

import (
	"context"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// wakeBatch is how many rows one look takes.
	wakeBatch = 500
	// publishTimeout bounds how long one message may take while the broker is away.
	publishTimeout = 5 * time.Second
)

// Wake publishes the queued executions again whose message is taken for lost now, or will be within
// the time. Those of a project that waits for its turn while its lane is backed up are passed over:
// their messages are not lost, only far back.
func (r *Runner) Wake(ctx context.Context, within time.Duration) {
	for ctx.Err() == nil {
		ids, err := r.cfg.Store.TakeStale(ctx, within, wakeBatch, r.backedUp()...)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("queued executions could not be looked up", "error", err)
		}
		for _, id := range ids {
			if err := r.wakeOne(ctx, id); err != nil {
				if ctx.Err() == nil {
					r.log.Warn("a queued execution could not be published again; the others wait too", "execution_id", id, "error", err)
				}
				return
			}
		}
		if len(ids) < wakeBatch {
			return
		}
	}
}

// wakeOne publishes one row again. One whose project has nothing here while its lane is full of
// others' is run from here: its message would have to pass all of theirs.
func (r *Runner) wakeOne(ctx context.Context, id string) error {
	x, err := r.cfg.Store.Execution(ctx, faas.AnyProject(), id)
	if faas.KindOf(err) == faas.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if r.lanes.backedUp(x.ProjectID) && !r.turns.IsWaiting(x.ProjectID) && r.runDirectly(x) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return r.cfg.Broker.Enqueue(ctx, faas.ExecutionsQueue(x.ProjectID), []byte(id))
}

// runDirectly runs a row without a message, and reports whether there was room to. What it cannot
// do now another look does.
func (r *Runner) runDirectly(x faas.Execution) bool {
	leave, ok := r.direct.TryEnter(x.ProjectID)
	if !ok {
		return false
	}
	r.cfg.Intake.Go("run an execution without a message", func(ctx context.Context) {
		defer leave()
		if err := r.runWhenTurn(ctx, x); err != nil {
			r.log.Info("a queued execution could not be run yet", "execution_id", x.ID, "project_id", x.ProjectID, "error", err)
		}
	})
	return true
}

// backedUp returns the projects that wait for a turn while their lane may hold more than this
// engine has taken from it.
func (r *Runner) backedUp() []string {
	return slices.DeleteFunc(r.turns.Waiting(), func(project string) bool { return !r.lanes.backedUp(project) })
}

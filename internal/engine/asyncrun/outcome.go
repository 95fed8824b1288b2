package asyncrun

import (
	"context"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/tracing"
)

const (
	// recordTimeout is how long an outcome is tried to be recorded while the database is away.
	recordTimeout    = 5 * time.Minute
	firstRecordPause = 50 * time.Millisecond
	lastRecordPause  = time.Second // well within what settling holds off after the database was away
)

// finish records the outcome. While the database is away it tries again: the row is running all
// that time, and no engine settles it just after the database has come back, even though its lease
// could not be renewed.
func (r *Runner) finish(ctx context.Context, f faas.Function, x faas.Execution, o faas.Outcome) error {
	defer r.leases.drop(x.ID)
	ending := store.Ending{
		Status: o.Status, Result: o.Result(), Log: o.Log, Owner: r.cfg.Name, EndedAt: r.cfg.Now(), ProjectID: x.ProjectID,
		Follow: x.FollowUp, Story: x.Story(r.cfg.Name, o.Story...),
		Sample: store.Sample{FunctionID: x.FunctionID, Took: o.Duration, Memory: f.MemorySize, Cold: o.Cold},
	}
	x.Status, x.EndedAt = ending.Status, ending.EndedAt
	ending.Events = r.cfg.Notify.Ended(f, x, o.Duration)
	ctx, span := tracing.StartClient(ctx, "record the end")
	err := persist(ctx, func(ctx context.Context) error { return r.cfg.Store.Finish(ctx, x.ID, ending) })
	span.End(err)
	if o.LogKept {
		defer r.dropLog(ctx, x)
	}
	if faas.KindOf(err) == faas.Conflict && r.endedBefore(ctx, x, o) {
		return nil
	}
	if err != nil {
		r.log.Error("the outcome of an execution was not recorded",
			"execution_id", x.ID, "function_id", x.FunctionID, "status", o.Status, "error", err)
		return fmt.Errorf("record the outcome of %s: %w", x.ID, err)
	}
	if x.FollowUp {
		r.cfg.Followed(x.ID)
	}
	r.log.Info("ran an execution", "execution_id", x.ID, "function_id", x.FunctionID, "project_id", x.ProjectID,
		"request_id", x.RequestID, "status", o.Status, "duration", o.Duration)
	return nil
}

// dropLog forgets the log so far of an execution that has ended. What stays is purged.
func (r *Runner) dropLog(ctx context.Context, x faas.Execution) {
	if err := r.cfg.Store.DropLog(context.WithoutCancel(ctx), x.ID); err != nil {
		r.log.Debug("a log that was kept while its execution ran is left to retention",
			"execution_id", x.ID, "error", err)
	}
}

// endedBefore reports whether the execution was cancelled while it ran. That is how it ended,
// whatever came of the call; the log is kept with it.
func (r *Runner) endedBefore(ctx context.Context, x faas.Execution, o faas.Outcome) bool {
	var ended faas.Execution
	err := persist(ctx, func(ctx context.Context) (err error) {
		ended, err = r.cfg.Store.EndedBefore(ctx, x.ID, r.cfg.Name, o.Log)
		return err
	})
	if err != nil || ended.Status != faas.ExecutionCancelled {
		return false
	}
	r.log.Info("an execution was cancelled while it ran", "execution_id", x.ID, "function_id", x.FunctionID,
		"project_id", x.ProjectID, "request_id", x.RequestID, "duration", o.Duration)
	return true
}

// cancel ends an execution that is queued and has nothing left to run: its function, or version, was deleted.
func (r *Runner) cancel(ctx context.Context, x faas.Execution, why error) error {
	_, err := r.cfg.Store.Cancel(ctx, faas.AnyProject(), x.ID, store.Cancellation{
		Output: reasonFor(x, why), Events: r.cfg.Notify.Ended,
	})
	if kind := faas.KindOf(err); kind == faas.Conflict || kind == faas.NotFound {
		return nil // it has ended
	}
	if err == nil {
		r.log.Info("a queued execution was cancelled: its function or version was deleted", "execution_id", x.ID,
			"function_id", x.FunctionID, "request_id", x.RequestID)
	}
	return err
}

// persist records something that may be recorded once only: record is tried again until it succeeds
// or says that the row is not running any more. That it says so after an attempt that failed may
// mean that this attempt was written all the same.
func persist(ctx context.Context, record func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	for pause, failed := firstRecordPause, false; ; pause = min(2*pause, lastRecordPause) {
		err := record(ctx)
		switch kind := faas.KindOf(err); {
		case err == nil:
			return nil
		case kind == faas.Conflict && failed:
			return nil
		case kind == faas.Conflict || kind == faas.NotFound:
			return err
		case ctx.Err() != nil:
			return err
		}
		failed = true
		background.Sleep(ctx, pause)
	}
}

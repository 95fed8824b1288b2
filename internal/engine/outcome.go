package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const (
	// recordPatience is how long an outcome is tried to be recorded while the database is away.
	recordPatience  = 5 * time.Minute
	firstRecordWait = 50 * time.Millisecond
	lastRecordWait  = time.Second // well within what settling holds off after the database was away
)

// finish records the outcome. While the database is away it tries again: the row is running all that time, and no engine settles
// it just after the database has come back, even though its lease could not be renewed.
func (e *Engine) finish(ctx context.Context, f faas.Function, x faas.Execution, o faas.Outcome) error {
	defer e.leases.drop(x.ID)
	ending := store.Ending{Status: o.Status, Result: faas.ResultText(o.Duration, o.Output), Log: o.Log, EndedAt: e.now()}
	err := persist(ctx, func(ctx context.Context) error { return e.cfg.Store.Finish(ctx, x.ID, ending) })
	if err != nil {
		e.log.Error("the outcome of an execution was not recorded", "execution_id", x.ID, "function_id", x.FunctionID, "status", o.Status, "error", err)
		return fmt.Errorf("record the outcome of %s: %w", x.ID, err)
	}
	e.log.Info("ran an execution", "execution_id", x.ID, "function_id", x.FunctionID, "project_id", x.ProjectID,
		"request_id", x.RequestID, "status", o.Status, "duration", o.Duration)
	x.Status, x.EndedAt = ending.Status, ending.EndedAt
	e.cfg.Notify.Ended(f, x, o.Duration)
	return nil
}

// persist records something that may be recorded once only: record is tried again until it succeeds or says that the row is not running any more. That it
// says so after an attempt that failed may mean that this attempt was written all the same.
func persist(ctx context.Context, record func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordPatience)
	defer cancel()
	for pause, failed := firstRecordWait, false; ; pause = min(2*pause, lastRecordWait) {
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
		sleep(ctx, pause)
	}
}

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// errNotOurs says that an execution is another's or over: its message has nothing left to do.
var errNotOurs = errors.New("the execution is not queued any more")

// runExecution runs the queued execution that the message names. nil settles the message; an error has it delivered again.
// The row stays queued until a slot is had, so that a process that dies while calls wait leaves nothing in doubt.
func (e *Engine) runExecution(ctx context.Context, body []byte) error {
	id := string(body)
	x, err := e.cfg.Store.Execution(ctx, faas.AnyProject(), id)
	if faas.KindOf(err) == faas.NotFound || err == nil && x.Status != faas.ExecutionQueued {
		return nil
	}
	if err != nil {
		return err
	}
	outcome, err := e.callFor(ctx, x)
	switch {
	case err == nil:
		return e.finish(ctx, x, outcome)
	case errors.Is(err, errNotOurs):
		return nil
	case retryable(err):
		return err
	}
	if !e.leases.held(id) { // it failed before it began
		if err := e.claim(ctx, id); err != nil {
			return ignoreNotOurs(err)
		}
	}
	e.log.Warn("an execution could not be run", "execution_id", id, "function_id", x.FunctionID, "request_id", x.RequestID, "error", err)
	return e.finish(ctx, x, faas.Outcome{Status: faas.ExecutionError, Output: faas.TextOutput(reasonFor(err))})
}

// callFor runs the execution's function; the row is claimed just before the call is sent.
func (e *Engine) callFor(ctx context.Context, x faas.Execution) (faas.Outcome, error) {
	f, err := e.cfg.Store.Function(ctx, faas.OneProject(x.ProjectID), x.FunctionID)
	if err != nil {
		return faas.Outcome{}, err
	}
	target := f.Target()
	call := faas.Call{ExecutionID: x.ID, Key: target.Key, Input: json.RawMessage(x.Input), Timeout: f.Timeout}
	return e.dispatch.Call(ctx, target, call, func(ctx context.Context) error {
		return e.claim(ctx, x.ID)
	})
}

// claim makes a queued execution this engine's, under a lease that renewLeases renews until finish.
func (e *Engine) claim(ctx context.Context, id string) error {
	e.leases.hold(id)
	_, ok, err := e.cfg.Store.Claim(ctx, id, e.cfg.Name, e.now().Add(e.cfg.Limits.Lease))
	if err == nil && !ok {
		err = errNotOurs
	}
	if err != nil {
		e.leases.drop(id)
	}
	return err
}

// finish records the outcome. While the database is away it fails and the message comes again, when the row is running and
// ours no longer: the lease settles it. That loses an outcome, never an execution, and never runs one twice.
func (e *Engine) finish(ctx context.Context, x faas.Execution, o faas.Outcome) error {
	defer e.leases.drop(x.ID)
	ending := store.Ending{Status: o.Status, Result: faas.ResultText(o.Duration, o.Output), Log: o.Log}
	if err := e.cfg.Store.Finish(context.WithoutCancel(ctx), x.ID, ending); err != nil {
		return fmt.Errorf("record the outcome of %s: %w", x.ID, err)
	}
	e.log.Info("ran an execution", "execution_id", x.ID, "function_id", x.FunctionID, "project_id", x.ProjectID,
		"request_id", x.RequestID, "status", o.Status, "duration", o.Duration)
	return nil
}

// retryable tells whether an execution that did not begin may begin later.
func retryable(err error) bool {
	k := faas.KindOf(err)
	return k == faas.Busy || k == faas.Unavailable || errors.Is(err, context.Canceled)
}

func ignoreNotOurs(err error) error {
	if errors.Is(err, errNotOurs) {
		return nil
	}
	return err
}

// reasonFor gives what the record may tell of an error.
func reasonFor(err error) string {
	var f *faas.Error
	switch {
	case !errors.As(err, &f):
		return "The service failed to run the function."
	case f.Kind == faas.NotFound:
		return "The function does not exist any more."
	}
	return f.Message
}

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// errNotOurs says that an execution is another's or over: its message has nothing left to do.
var errNotOurs = errors.New("the execution is not queued any more")

// turnPatience is how long a message is held while its project has no turn. Its row waits on; the message comes again.
const turnPatience = 10 * time.Minute

// runExecution runs the queued execution that the message names, when its project has a turn. nil settles the message; an error has it delivered
// again. The row stays queued until a slot is had, so that a process that dies while calls wait leaves nothing in doubt.
func (e *Engine) runExecution(ctx context.Context, body []byte) error {
	x, err := e.cfg.Store.Execution(ctx, faas.AnyProject(), string(body))
	if faas.KindOf(err) == faas.NotFound || err == nil && x.Status != faas.ExecutionQueued {
		return nil
	}
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, turnPatience)
	leave, err := e.gate.enter(waiting, x.ProjectID)
	cancel()
	if err != nil {
		return faas.Errorf(faas.Busy, "The project has no turn yet.").WithCause(err)
	}
	defer leave()
	return e.runInTurn(ctx, x)
}

func (e *Engine) runInTurn(ctx context.Context, x faas.Execution) error {
	id := x.ID
	outcome, err := e.callFor(ctx, x)
	switch {
	case err == nil:
		return e.finish(ctx, x, outcome)
	case errors.Is(err, errNotOurs):
		return nil
	case retryable(err):
		e.release(ctx, id)
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
	return e.call(ctx, target, call, func(ctx context.Context) error {
		return e.claim(ctx, x.ID)
	})
}

// claim makes a queued execution this engine's, under a lease that renewLeases renews until finish. It is seen through even when the engine is told to
// end meanwhile: a claim that nobody waits for may have been committed.
func (e *Engine) claim(ctx context.Context, id string) error {
	ctx = context.WithoutCancel(ctx)
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

// release gives back an execution that was claimed and then not run: the worker that was to run it refused, and no other was had in time. Where it
// cannot be given back its lease settles it.
func (e *Engine) release(ctx context.Context, id string) {
	if !e.leases.held(id) {
		return
	}
	defer e.leases.drop(id)
	if _, err := e.cfg.Store.Release(context.WithoutCancel(ctx), id, e.cfg.Name); err != nil {
		e.log.Warn("an execution could not be given back", "execution_id", id, "error", err)
	}
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

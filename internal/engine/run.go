package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
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
	return e.runWhenTurn(ctx, x)
}

func (e *Engine) runWhenTurn(ctx context.Context, x faas.Execution) error {
	waiting, cancel := context.WithTimeout(ctx, turnPatience)
	leave, err := e.enter(waiting, x.ProjectID)
	cancel()
	if err != nil {
		return faas.Errorf(faas.Busy, "The project has no turn yet.").WithCause(err)
	}
	defer leave()
	return e.runInTurn(ctx, x)
}

func (e *Engine) runInTurn(ctx context.Context, x faas.Execution) error {
	id := x.ID
	var f faas.Function // that was called last
	claimed := false    // by this message: another that names the same row may run it here
	claim := func(ctx context.Context) error {
		if claimed {
			return nil
		}
		err := e.claim(ctx, id)
		if claimed = err == nil; claimed {
			x.Status, x.StartedAt = faas.ExecutionRunning, e.now()
			e.cfg.Notify.Started(f, x)
		}
		return err
	}
	outcome, err := e.callFor(ctx, x, &f, claim)
	if faas.KindOf(err) == faas.Outdated {
		outcome, err = e.callFor(ctx, x, &f, claim) // its code changed in Swift: the new one runs
	}
	switch {
	case err == nil:
		return e.finish(ctx, f, x, outcome)
	case errors.Is(err, errNotOurs):
		return nil
	case retryable(err):
		if claimed {
			e.release(ctx, id)
		}
		return err
	}
	if !claimed { // it failed before it began
		if err := claim(ctx); err != nil {
			return ignoreNotOurs(err)
		}
	}
	e.log.Warn("an execution could not be run", "execution_id", id, "function_id", x.FunctionID, "request_id", x.RequestID, "error", err)
	return e.finish(ctx, f, x, faas.Outcome{Status: faas.ExecutionError, Output: faas.TextOutput(reasonFor(err))})
}

// callFor runs the execution's function, of which it gives the record; claim is called just before the call is sent.
func (e *Engine) callFor(ctx context.Context, x faas.Execution, called *faas.Function, claim dispatch.Begin) (faas.Outcome, error) {
	f, err := e.cfg.Store.Function(ctx, faas.OneProject(x.ProjectID), x.FunctionID)
	if err != nil {
		return faas.Outcome{}, err
	}
	*called = f
	target := f.Target()
	call := faas.Call{ExecutionID: x.ID, Key: target.Key, Input: json.RawMessage(x.Input), Timeout: f.Timeout}
	if err := e.act(ctx, f, &call); err != nil {
		return faas.Outcome{}, err
	}
	return e.call(ctx, target, call, claim)
}

// claim makes a queued execution this engine's, under a lease that renewLeases renews until finish. It is seen through even when the engine is told to
// end meanwhile. A claim without an answer may have been committed, or may be yet: it is undone, and until it is, nobody claims the row here.
func (e *Engine) claim(ctx context.Context, id string) error {
	ctx = context.WithoutCancel(ctx)
	if err := e.leases.begin(id); err != nil {
		return err
	}
	_, ok, err := e.cfg.Store.Claim(ctx, id, e.cfg.Name, e.cfg.Limits.Lease)
	switch {
	case err != nil:
		e.claims.tasks.Go(func() { e.release(ctx, id) })
		return err
	case !ok:
		e.leases.drop(id)
		return errNotOurs
	}
	e.leases.hold(id)
	return nil
}

// release gives back an execution that was claimed, or may have been, and then not run: the worker that was to run it refused, and no other was had in
// time. Where it cannot be given back its lease settles it.
func (e *Engine) release(ctx context.Context, id string) {
	defer e.leases.drop(id)
	err := persist(ctx, func(ctx context.Context) error {
		_, err := e.cfg.Store.Release(ctx, id, e.cfg.Name)
		return err
	})
	if err != nil {
		e.log.Warn("an execution could not be given back", "execution_id", id, "error", err)
	}
}

// retryable tells whether an execution that did not begin may begin later.
func retryable(err error) bool {
	k := faas.KindOf(err)
	return k == faas.Busy || k == faas.Unavailable || k == faas.Outdated || errors.Is(err, context.Canceled)
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

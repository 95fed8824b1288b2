package asyncrun

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tracing"
)

// errNotOurs says that an execution is another's or over: its message has nothing left to do.
var errNotOurs = errors.New("the execution is not queued any more")

// run runs the queued execution that a message names, when its project has a turn. nil settles the
// message; an error has it delivered again. The row stays queued until a slot is had, so that a
// process that dies while calls wait leaves nothing in doubt.
func (r *Runner) run(ctx context.Context, id string) error {
	doubt := r.leases.inDoubt(id) // before the row is read: it may be given back right afterwards
	x, err := r.cfg.Store.Execution(ctx, faas.AnyProject(), id)
	switch {
	case faas.KindOf(err) == faas.NotFound:
		return nil
	case err != nil:
		return err
	case x.Status == faas.ExecutionRunning && doubt:
		return errInDoubt() // it will be queued again, and would have no message then
	case x.Status != faas.ExecutionQueued:
		return nil
	}
	return r.runWhenTurn(ctx, x)
}

func (r *Runner) runWhenTurn(ctx context.Context, x faas.Execution) (err error) {
	ctx, span := tracing.StartLinked(ctx, "run an execution")
	span.Set("faas.execution_id", x.ID)
	span.Set("faas.function_id", x.FunctionID)
	span.Set("openstack.project_id", x.ProjectID)
	span.Set("openstack.request_id", x.RequestID)
	defer func() { span.End(err) }()
	since := r.cfg.Now()
	waiting, cancel := context.WithTimeout(ctx, turnTimeout)
	waiting, turn := tracing.Start(waiting, "wait for a turn")
	leave, err := r.enter(waiting, x.ProjectID)
	turn.End(err)
	cancel()
	if err != nil {
		r.putOff(ctx, x, "it has waited for a turn: other executions run first")
		return faas.Errorf(faas.Busy, "Executions of other projects run first; this one waits for its turn.").WithCause(err)
	}
	defer leave()
	var before []faas.StoryEvent
	if now := r.cfg.Now(); now.Sub(since) >= faas.NoteworthyWait {
		before = append(before, faas.StoryEvent{Kind: faas.StoryTurn, At: now, Took: now.Sub(since)})
	}
	return r.runInTurn(ctx, x, before)
}

// putOff records an attempt that has not begun the execution. Without an answer it goes on.
func (r *Runner) putOff(ctx context.Context, x faas.Execution, why string, before ...faas.StoryEvent) {
	r.tell(ctx, x, append(before, faas.StoryEvent{Kind: faas.StoryPutOff, At: r.cfg.Now(), Detail: why})...)
}

// tellTimeout bounds how long the story of an execution may take to be recorded.
const tellTimeout = 5 * time.Second

// tell adds to the story of an execution.
func (r *Runner) tell(ctx context.Context, x faas.Execution, events ...faas.StoryEvent) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	if err := r.cfg.Store.Tell(ctx, x.ID, x.Story(r.cfg.Name, events...)...); err != nil {
		r.log.Debug("the story of an execution lacks an event", "execution_id", x.ID, "error", err)
	}
}

// runInTurn runs the execution; before is what it has waited for until its turn.
func (r *Runner) runInTurn(ctx context.Context, x faas.Execution, before []faas.StoryEvent) error {
	var f faas.Function // that was called last
	claimed := false    // by this message: another that names the same row may run it here
	claim := func(ctx context.Context) error {
		if claimed {
			return nil
		}
		running := x
		running.Status, running.StartedAt = faas.ExecutionRunning, r.cfg.Now()
		err := r.claim(ctx, x.ID, r.cfg.Notify.Started(f, running)...)
		if claimed = err == nil; claimed {
			x = running
		}
		return err
	}
	outcome, err := r.callFor(ctx, x, &f, claim)
	if faas.KindOf(err) == faas.Outdated {
		outcome, err = r.callFor(ctx, x, &f, claim) // its code changed in Swift: the new one runs
	}
	outcome.Story = append(before, outcome.Story...)
	over := errors.Is(err, dispatch.ErrCancelled) || faas.KindOf(err) == faas.NotFound // nothing is left to run
	switch {
	case err == nil:
		return r.finish(ctx, f, x, outcome)
	case errors.Is(err, errNotOurs):
		return nil
	case over && claimed:
		return r.finish(ctx, f, x, faas.Outcome{
			Status: faas.ExecutionCancelled, Output: faas.TextOutput(reasonFor(x, err)), Story: outcome.Story,
			Log: outcome.Log, LogKept: outcome.LogKept,
		})
	case over:
		return r.cancel(ctx, x, err)
	case retryable(err):
		if claimed {
			r.release(ctx, x.ID)
		}
		r.putOff(ctx, x, reasonFor(x, err), outcome.Story...)
		return err
	}
	if !claimed { // it failed before it began
		if err := claim(ctx); err != nil {
			return ignoreNotOurs(err)
		}
	}
	r.log.Warn("an execution could not be run",
		"execution_id", x.ID, "function_id", x.FunctionID, "request_id", x.RequestID, "error", err)
	return r.finish(ctx, f, x, faas.Outcome{
		Status: faas.ExecutionError, Output: faas.TextOutput(reasonFor(x, err)), Story: outcome.Story,
		Log: outcome.Log, LogKept: outcome.LogKept,
	})
}

// callFor runs the execution's function and sets called to its record; claim is called just before
// the call is sent.
func (r *Runner) callFor(
	ctx context.Context, x faas.Execution, called *faas.Function, claim dispatch.Begin,
) (faas.Outcome, error) {
	// An alias was resolved when the execution was recorded: it runs what its record says.
	found, err := r.cfg.Store.Resolve(ctx, faas.OneProject(x.ProjectID),
		faas.FunctionRef{FunctionID: x.FunctionID, Version: x.FunctionVersion})
	if err != nil {
		return faas.Outcome{}, err
	}
	f, target := found.Function, found.Target
	*called = f
	call := faas.Call{
		ExecutionID: x.ID, Key: target.Key, Input: json.RawMessage(x.Input), Timeout: f.Timeout,
		KeepLog: func(ctx context.Context, log string) error { return r.cfg.Store.KeepLog(ctx, x.ID, log) },
	}
	if err := r.attachCredentials(ctx, f, &call); err != nil {
		return faas.Outcome{}, err
	}
	return r.cfg.Call(ctx, target, call, claim)
}

// retryable reports whether an execution that did not begin may begin later.
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

// reasonFor returns what the execution's record may tell of an error.
func reasonFor(x faas.Execution, err error) string {
	var f *faas.Error
	switch {
	case !errors.As(err, &f):
		return "The service failed to run the function."
	case f.Kind != faas.NotFound || errors.Is(err, dispatch.ErrCancelled):
		return f.Message
	case x.FunctionVersion != 0:
		return faas.OutputNoVersion
	}
	return faas.OutputDeleted
}

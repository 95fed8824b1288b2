package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/api/trusts"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/tracing"
)

const (
	// leaseGrace is how much longer than its waiting and its timeout together a synchronous
	// execution may run before its lease says that the process running it was lost: the worker
	// needs a moment to end it, this process another to record it.
	leaseGrace = 30 * time.Second
	// recordTimeout is how long the record of an ending may take, whether or not the caller is
	// still there.
	recordTimeout = 15 * time.Second
)

// syncRuns runs synchronous executions and records them.
type syncRuns struct {
	name    string // of this process among its peers, in the leases of the executions that it runs
	store   *store.Store
	caller  *engineclient.Caller
	calls   *quota.Calls   // counts executions; nil: nobody does
	trusts  *trusts.Config // nil: functions act for nobody
	notify  *notify.Notifier
	metrics *metrics
	now     func() time.Time
}

// run runs a synchronous execution if its project may have one more, and returns its record
// as it ended.
func (s *syncRuns) run(ctx context.Context, called faas.Callable, x faas.Execution) (faas.Execution, error) {
	if s.calls == nil {
		return s.runAdmitted(ctx, called, x)
	}
	ended, err := s.calls.Begin(ctx, x.ProjectID)
	if err != nil {
		return x, err
	}
	defer ended()
	return s.runAdmitted(ctx, called, x)
}

// runAdmitted runs a synchronous execution and returns its record as it ended. The record begins when the
// call has a slot of a worker: until then an error leaves nothing behind. From then on whatever
// happens to the call is recorded, and is an error only when the caller can do something about it.
func (s *syncRuns) runAdmitted(ctx context.Context, called faas.Callable, x faas.Execution) (faas.Execution, error) {
	function, begun := called.Function, false
	begin := func(ctx context.Context) error {
		if begun {
			return nil
		}
		x.Status, x.Owner, x.StartedAt = faas.ExecutionRunning, s.name, s.now()
		longest := s.caller.Longest(function.Code.Protocol, function.Timeout)
		x.Lease = longest + leaseGrace
		begun = true
		return s.store.Start(ctx, x, s.notify.Started(function, x)...)
	}
	outcome, failed := s.callNewest(ctx, called, x, begin)
	if failed != nil && !begun {
		return x, failed
	}
	if failed != nil {
		outcome = faas.Outcome{
			Status: faas.ExecutionError, Duration: s.now().Sub(x.StartedAt), Output: faas.TextOutput(messageOf(failed)),
			Story: outcome.Story, Log: outcome.Log, LogKept: outcome.LogKept,
		}
	}
	if errors.Is(failed, dispatch.ErrCancelled) {
		outcome.Status = faas.ExecutionCancelled
	}
	x, err := s.finish(ctx, function, x, outcome)
	if err != nil {
		return x, err
	}
	kind := faas.KindOf(failed)
	if (kind == faas.Busy || kind == faas.Unavailable) && x.Status != faas.ExecutionCancelled {
		return x, failed // nothing ran: the caller may try again
	}
	return x, nil
}

const (
	// newestTries is how often a function is called that is found changed each time.
	newestTries = 3
	// newestPause is waited before the second try, twice that before the third: whoever changes the
	// function may be about to record it.
	newestPause = 50 * time.Millisecond
)

// callNewest calls the function as it is recorded now, when the engine finds it to be of a newer
// revision: its code had changed in Swift.
func (s *syncRuns) callNewest(
	ctx context.Context, called faas.Callable, x faas.Execution, begin dispatch.Begin,
) (faas.Outcome, error) {
	ref := faas.FunctionRef{FunctionID: called.Function.ID, Version: called.Version}
	for try := 1; ; try++ {
		outcome, err := s.callOnce(ctx, called, x, begin)
		if faas.KindOf(err) != faas.Outdated {
			return outcome, err
		}
		if try == newestTries {
			changing := faas.Errorf(faas.Unavailable, "The code of function %s is changing; call it again.", ref.FunctionID).
				WithCause(err)
			changing.RetryAfter = time.Second
			return outcome, changing
		}
		if err := pause(ctx, time.Duration(try)*newestPause); err != nil {
			return outcome, err
		}
		if called, err = s.store.Resolve(ctx, faas.OneProject(x.ProjectID), ref); err != nil {
			return outcome, err
		}
	}
}

// pause waits, or returns the context's error when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *syncRuns) callOnce(
	ctx context.Context, called faas.Callable, x faas.Execution, begin dispatch.Begin,
) (faas.Outcome, error) {
	target := called.Target
	call := faas.Call{
		ExecutionID: x.ID, Key: target.Key, Input: json.RawMessage(x.Input), Timeout: called.Function.Timeout,
	}
	call.KeepLog = func(ctx context.Context, log string) error { return s.store.KeepLog(ctx, x.ID, log) }
	if err := s.attachCredentials(ctx, target, &call); err != nil {
		return faas.Outcome{}, err
	}
	return s.caller.Call(ctx, target, call, begin)
}

// attachCredentials puts into the call what its function acts with in OpenStack, if it acts for
// anybody.
func (s *syncRuns) attachCredentials(ctx context.Context, target faas.Target, call *faas.Call) (err error) {
	if target.TrustID != "" && s.trusts != nil {
		call.Context, call.Renewal, err = s.trusts.Sessions.ForCall(
			ctx, target.TrustID, s.caller.Wait(), call.Timeout,
		)
	}
	return err
}

// finish records how the execution ended, and returns it so, without reading it back. Where it had
// ended already, because it was cancelled or its lease was over, it returns how.
func (s *syncRuns) finish(
	ctx context.Context, f faas.Function, x faas.Execution, outcome faas.Outcome,
) (faas.Execution, error) {
	x.Status, x.Result, x.EndedAt = outcome.Status, outcome.Result(), s.now()
	x.UpdatedAt = x.EndedAt
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	ctx, span := tracing.StartClient(ctx, "record the end")
	err := s.store.Finish(ctx, x.ID, store.Ending{
		Status: x.Status, Result: x.Result, Log: outcome.Log, Owner: s.name, EndedAt: x.EndedAt, ProjectID: x.ProjectID,
		Events: s.notify.Ended(f, x, outcome.Duration), Story: x.Story(s.name, outcome.Story...),
		Sample: store.Sample{
			FunctionID: x.FunctionID, Took: outcome.Duration, Memory: f.MemorySize, Cold: outcome.Cold,
		},
	})
	span.End(err)
	if faas.KindOf(err) == faas.Conflict {
		x, err = s.store.EndedBefore(ctx, x.ID, s.name, outcome.Log)
	}
	if outcome.LogKept && err == nil {
		_ = s.store.DropLog(ctx, x.ID) // what stays is purged
	}
	if err != nil {
		return x, faas.Errorf(faas.Unavailable, "The outcome of execution %s could not be recorded; the function may have run.", x.ID).
			WithCause(err)
	}
	s.metrics.execution(x.Status)
	return x, nil
}

// messageOf returns what the record may tell of an error.
func messageOf(err error) string {
	var known *faas.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return "The service failed to run the function."
}

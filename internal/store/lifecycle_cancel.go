package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Cancellation is how an execution ends before its time.
type Cancellation struct {
	Status faas.ExecutionStatus // cancelled when ""; an operator may know better how it ended
	Output string               // why, for whoever reads the record
	Story  faas.StoryEvent      // who asked for it; its time is filled in. Without a kind it is not kept
	// returns what others are to be told of it, with its function as it is now, or its zero value
	// when that is gone, and with the time that it ran for; nil: they are told nothing
	Events func(f faas.Function, x faas.Execution, took time.Duration) []Event
}

// Cancel ends an execution that is queued or runs, with the status cancelled, and returns its
// record. One that was queued never runs: nobody can claim it any more. Of one that runs, the
// record is settled by this; ending the call itself is the caller's to see to. The error's kind is
// faas.Conflict when the execution has ended.
//
// StartedAt says whether it had begun. Its duration is then the time from its start until now.
func (s *ExecutionLifecycle) Cancel(
	ctx context.Context, scope faas.Scope, id string, c Cancellation,
) (faas.Execution, error) {
	if err := s.calls.await(ctx, &operation{execution: id}); err != nil { // has its start written
		return faas.Execution{}, err
	}
	var ended faas.Execution
	var was faas.ExecutionStatus
	var ending Ending
	err := s.recorder.do(ctx, func(t *tx) error {
		e, err := t.executions.open(scope, id, "cancelled")
		if err != nil {
			return err
		}
		now := s.timestamp()
		var took time.Duration
		if !e.StartedAt.IsZero() {
			took = max(0, now.Sub(e.StartedAt))
		}
		outcome := faas.Outcome{Duration: took, Output: faas.TextOutput(c.Output)}
		was, ending = e.Status, Ending{
			Status: cmp.Or(c.Status, faas.ExecutionCancelled), Result: outcome.Result(), EndedAt: now,
		}
		if err := t.executions.fill(&e); err != nil {
			return err
		}
		ended = ending.applied(e)
		if err := t.executions.cancel(ended, ending.bytes()); err != nil {
			return err
		}
		if c.Story.Kind != "" {
			c.Story.At = now
			if err := t.stories.tell(id, e.Story(c.Story.Process, c.Story)...); err != nil {
				return err
			}
		}
		if c.Events == nil {
			return nil
		}
		return t.outbox.addOf(ended, func(f faas.Function, x faas.Execution) []Event { return c.Events(f, x, took) })
	})
	if err != nil {
		return faas.Execution{}, err
	}
	grown := recordCounts{bytes: ending.bytes()}
	if was == faas.ExecutionQueued {
		grown.queued = -1
	}
	s.usage.add(ended.ProjectID, grown)
	s.countCancelled(ctx, ended, ending)
	return ended, nil
}

// countCancelled adds a cancelled execution to the statistics of its function, which may be gone.
func (s *ExecutionLifecycle) countCancelled(ctx context.Context, x faas.Execution, ending Ending) {
	ending.Sample = Sample{FunctionID: x.FunctionID}
	if !x.StartedAt.IsZero() {
		ending.Sample.Took = max(0, x.EndedAt.Sub(x.StartedAt))
		if f, err := s.functions.Function(ctx, faas.AnyProject(), x.FunctionID); err == nil {
			ending.Sample.Memory = f.MemorySize
		}
	}
	s.statistics.ended(x.ProjectID, &ending)
}

// open returns an execution that the scope may change and that has not ended, and keeps
// others from changing it until the commit.
// is is what it is to be.
func (t executionRows) open(scope faas.Scope, id, is string) (faas.Execution, error) {
	e, err := executions.scan(t.queryRow(executions.selectByID()+t.grammar.forUpdate, id))
	switch {
	case err != nil:
		return e, missing("execution", id, err)
	case !scope.Sees(e.ProjectID):
		return e, unseen("execution", id, e.ProjectID)
	case e.Status.Ended():
		return e, faas.Errorf(faas.Conflict,
			"Execution %s has ended with the status %s; only one that is queued or runs can be %s.", id, e.Status, is)
	}
	return e, nil
}

// cancel writes the end of an execution that has not ended. Its owner stays: who runs it may add
// its log (keepLog). The item of its message goes, of which there is none when it was not queued, and
// that of what would have followed.
func (t executionRows) cancel(e faas.Execution, grown int64) error {
	at := micros(e.EndedAt)
	_, err := t.exec(`UPDATE executions SET status = ?, result = ?, ended_at = ?, updated_at = ?, lease_until = 0,
		record_bytes = record_bytes + ? WHERE id = ? AND status IN ('queued', 'running')`,
		string(e.Status), e.Result, at, at, grown, e.ID)
	if err != nil {
		return err
	}
	if _, err = t.change(withdrawDue(LostMessage, e.ID)); err != nil || !e.FollowUp {
		return err
	}
	follow := withdrawDue(FollowUp, e.ID) // nothing follows what somebody wanted no more
	if e.Status != faas.ExecutionCancelled {
		follow = dueNow(t.grammar, FollowUp, e.ID)
	}
	_, err = t.change(follow)
	return err
}

// EndedBefore is for the owner of an execution whose Finish was refused because it had ended
// already. It returns the record, and keeps the log with it if the execution was cancelled: status,
// result and times stay as they were recorded.
func (s *ExecutionLifecycle) EndedBefore(ctx context.Context, id, owner, log string) (faas.Execution, error) {
	var e faas.Execution
	grown := int64(0)
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		grown = 0
		if e, err = t.executions.get(id); err == nil {
			err = t.executions.fill(&e)
		}
		if err != nil || e.Status != faas.ExecutionCancelled || log == "" {
			return err
		}
		log = validUTF8(log)
		x, apart := t.form.split(&faas.Execution{ID: id, Log: log})
		n, err := t.exec(`UPDATE executions SET log_text = ?, log_bytes = ?, record_bytes = record_bytes + ?
			WHERE id = ? AND status = 'cancelled' AND owner = ? AND log_text = ''`, x.Log, x.LogCut, int64(len(log)), id, owner)
		if err != nil || n == 0 {
			return err
		}
		grown = int64(len(log))
		return t.executions.addContents(apart)
	})
	if err != nil {
		return faas.Execution{}, err
	}
	s.usage.add(e.ProjectID, recordCounts{bytes: grown})
	return e, nil
}

// addOf keeps the events of an execution, with its function as it is now or its zero value.
func (t outboxRows) addOf(x faas.Execution, events func(faas.Function, faas.Execution) []Event) error {
	f, err := functions.scan(t.queryRow(functions.selectByID(), x.FunctionID))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if told := events(f, x); len(told) > 0 {
		return t.add(told)
	}
	return nil
}

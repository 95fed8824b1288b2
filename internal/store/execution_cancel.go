package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Cancellation is how an execution ends before its time.
type Cancellation struct {
	Output string // why, for whoever reads the record
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
func (s *Store) Cancel(
	ctx context.Context, scope faas.Scope, id string, c Cancellation,
) (faas.Execution, error) {
	if err := s.calls.await(ctx, &operation{execution: id}); err != nil { // has its start written
		return faas.Execution{}, err
	}
	var ended faas.Execution
	var was faas.ExecutionStatus
	var ending Ending
	err := s.recorder.do(ctx, func(t *tx) error {
		e, err := t.openExecution(scope, id)
		if err != nil {
			return err
		}
		now := s.timestamp()
		var took time.Duration
		if !e.StartedAt.IsZero() {
			took = max(0, now.Sub(e.StartedAt))
		}
		outcome := faas.Outcome{Duration: took, Output: faas.TextOutput(c.Output)}
		was, ending = e.Status, Ending{Status: faas.ExecutionCancelled, Result: outcome.Result(), EndedAt: now}
		ended = ending.applied(e)
		if err := t.cancel(ended, ending.bytes()); err != nil {
			return err
		}
		if c.Events == nil {
			return nil
		}
		return t.tellOf(ended, func(f faas.Function, x faas.Execution) []Event { return c.Events(f, x, took) })
	})
	if err != nil {
		return faas.Execution{}, err
	}
	grown := recordCounts{bytes: ending.bytes()}
	if was == faas.ExecutionQueued {
		grown.queued = -1
	}
	s.usage.add(ended.ProjectID, grown)
	return ended, nil
}

// openExecution returns an execution that the scope may change and that has not ended, and keeps
// others from changing it until the commit.
func (t *tx) openExecution(scope faas.Scope, id string) (faas.Execution, error) {
	e, err := executions.scan(t.queryRow(executions.selectByID()+t.grammar.forUpdate, id))
	switch {
	case err != nil:
		return e, missing("execution", id, err)
	case !scope.Sees(e.ProjectID):
		return e, unseen("execution", id, e.ProjectID)
	case e.Status.Ended():
		return e, faas.Errorf(faas.Conflict,
			"Execution %s has ended with the status %s; only one that is queued or runs can be cancelled.", id, e.Status)
	}
	return e, nil
}

// cancel writes the end of an execution that has not ended. Its owner stays: who runs it may add
// its log (keepLog). The item of its message goes, of which there is none when it was not queued, and
// that of what would have followed.
func (t *tx) cancel(e faas.Execution, grown int64) error {
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
	_, err = t.change(withdrawDue(FollowUp, e.ID)) // nothing follows what somebody wanted no more
	return err
}

// EndedBefore is for the owner of an execution whose Finish was refused because it had ended
// already. It returns the record, and keeps the log with it if the execution was cancelled: status,
// result and times stay as they were recorded.
func (s *Store) EndedBefore(ctx context.Context, id, owner, log string) (faas.Execution, error) {
	var e faas.Execution
	grown := int64(0)
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		grown = 0
		if e, err = t.execution(id); err != nil || e.Status != faas.ExecutionCancelled || log == "" {
			return err
		}
		log = validUTF8(log)
		n, err := t.exec(`UPDATE executions SET log_text = ?, record_bytes = record_bytes + ?
			WHERE id = ? AND status = 'cancelled' AND owner = ? AND log_text = ''`, log, int64(len(log)), id, owner)
		if n > 0 {
			grown = int64(len(log))
		}
		return err
	})
	if err != nil {
		return faas.Execution{}, err
	}
	s.usage.add(e.ProjectID, recordCounts{bytes: grown})
	return e, nil
}

// tellOf keeps the events of an execution, with its function as it is now or its zero value.
func (t *tx) tellOf(x faas.Execution, events func(faas.Function, faas.Execution) []Event) error {
	f, err := functions.scan(t.queryRow(functions.selectByID(), x.FunctionID))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if told := events(f, x); len(told) > 0 {
		return t.addEvents(told)
	}
	return nil
}

package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// OpenExecution is an execution that has not ended, with what an operator must know to say why.
type OpenExecution struct {
	Execution faas.Execution // without its texts
	LeaseLeft time.Duration  // of one that runs: until its lease is over; below 0 it is

	// Of one that is queued: the work by which its message is sent again.
	Wakes     bool // there is some
	WakeDead  bool // it has failed too often and is not tried again
	WakeIn    time.Duration
	WakeError string // of the last attempt that failed

	FunctionGone  bool
	Timeout       time.Duration // of the function
	RuntimeStatus faas.RuntimeStatus
	RuntimeReason string
	Last          faas.StoryEvent // the last unusual thing that happened to it; without a kind: none
}

// openColumns are of executions e, functions f and runtimes r.
const openColumns = `e.id, e.project_id, e.request_id, e.function_id, e.function_version, e.sync, e.status, e.owner,
	e.attempts, e.created_at, e.started_at, COALESCE(f.id, ''), COALESCE(f.timeout_seconds, 0), COALESCE(r.status, ''),
	COALESCE(r.status_reason, '')`

const openJoins = ` LEFT JOIN functions f ON f.id = e.function_id LEFT JOIN runtimes r ON r.id = f.runtime_id`

func scanOpen(row scanner, also ...any) (o OpenExecution, err error) {
	x := &o.Execution
	var function string
	err = row.Scan(append([]any{
		&x.ID, &x.ProjectID, &x.RequestID, &x.FunctionID, &x.FunctionVersion, &x.Sync, &x.Status, &x.Owner, &x.Attempts,
		timeColumn{&x.CreatedAt}, timeColumn{&x.StartedAt}, &function, secondsColumn{&o.Timeout}, &o.RuntimeStatus,
		&o.RuntimeReason,
	}, also...)...)
	o.FunctionGone = function == ""
	return o, err
}

// OpenExecutions returns executions that were made before the time and have not ended, of those
// that run and of those that are queued limit at most each: first those whose lease was over first,
// then the queued ones in the order of their ids.
func (s *ExecutionLifecycle) OpenExecutions(ctx context.Context, before time.Time, limit int) ([]OpenExecution, error) {
	running, err := s.openRunning(ctx, `e.created_at < ?`, limit, micros(before))
	if err != nil {
		return nil, err
	}
	queued, err := s.openQueued(ctx, `e.created_at < ?`, limit, micros(before))
	if err != nil {
		return nil, err
	}
	return s.withLast(ctx, append(running, queued...))
}

// OpenExecution returns one that has not ended; kind Conflict when it has.
func (s *ExecutionLifecycle) OpenExecution(ctx context.Context, id string) (OpenExecution, error) {
	for _, find := range []func(context.Context, string, int, any) ([]OpenExecution, error){
		s.openRunning, s.openQueued,
	} {
		found, err := find(ctx, `e.id = ?`, 1, id)
		if err == nil && len(found) > 0 {
			found, err = s.withLast(ctx, found)
		}
		if err != nil {
			return OpenExecution{}, err
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	x, err := s.executions.Execution(ctx, faas.AnyProject(), id)
	if err != nil {
		return OpenExecution{}, err
	}
	return OpenExecution{}, faas.Errorf(faas.Conflict, "Execution %s has ended with the status %s.", id, x.Status)
}

func (s *ExecutionLifecycle) openRunning(ctx context.Context, where string, limit int, arg any) ([]OpenExecution, error) {
	rows, err := s.scans.QueryContext(ctx, `SELECT `+openColumns+`, e.lease_until - `+s.dialect.grammar().now+`
		FROM executions e`+openJoins+` WHERE e.ended_at = 0 AND e.status = 'running' AND `+where+`
		ORDER BY e.lease_until LIMIT ?`, arg, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (OpenExecution, error) {
		var left int64
		o, err := scanOpen(row, &left)
		o.LeaseLeft = time.Duration(left) * time.Microsecond
		return o, err
	})
}

func (s *ExecutionLifecycle) openQueued(ctx context.Context, where string, limit int, arg any) ([]OpenExecution, error) {
	rows, err := s.scans.QueryContext(ctx, `SELECT `+openColumns+`, COALESCE(d.state, ''),
		COALESCE(d.due_at, 0) - `+s.dialect.grammar().now+`, COALESCE(d.last_error, '')
		FROM executions e LEFT JOIN due_work d ON d.kind = '`+LostMessage+`' AND d.ref = e.id`+openJoins+`
		WHERE e.ended_at = 0 AND e.status = 'queued' AND `+where+` ORDER BY e.id LIMIT ?`, arg, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (OpenExecution, error) {
		var state string
		var in int64
		var why string
		o, err := scanOpen(row, &state, &in, &why)
		o.Wakes, o.WakeDead, o.WakeError = state != "", state == dueDead, why
		o.WakeIn = time.Duration(in) * time.Microsecond
		return o, err
	})
}

// withLast fills in what has happened last to each.
func (s *ExecutionLifecycle) withLast(ctx context.Context, open []OpenExecution) ([]OpenExecution, error) {
	for i := range open {
		story, err := s.executions.Story(ctx, faas.Execution{ID: open[i].Execution.ID})
		if err != nil {
			return nil, err
		}
		if last := story[len(story)-1]; last.Kind != faas.StoryAccepted {
			open[i].Last = last
		}
	}
	return open, nil
}

// Requeue has an execution run now: one that is queued is looked at anew, and one that runs is
// queued again if its lease is over, which says that the process that ran it is lost. The function
// may have run then, and may run once more. Where that process lives after all, what it records of
// the execution is refused: it is not the owner any more. Kind Conflict says why it may not be.
func (s *ExecutionLifecycle) Requeue(ctx context.Context, id, process, by string) error {
	if err := s.calls.writeStarts(ctx); err != nil {
		return err
	}
	wasRunning, project := false, ""
	err := s.recorder.do(ctx, func(t *tx) error {
		e, err := t.executions.open(faas.AnyProject(), id, "requeued")
		if err != nil {
			return err
		}
		wasRunning, project = e.Status == faas.ExecutionRunning, e.ProjectID
		if wasRunning {
			if e.Sync {
				return faas.Errorf(faas.Conflict, "Execution %s is synchronous: whoever asked for it has gone. It can be settled.", id)
			}
			n, err := t.exec(`UPDATE executions SET status = 'queued', owner = '', lease_until = 0, started_at = 0, updated_at = ?
				WHERE id = ? AND status = 'running' AND lease_until < `+t.grammar.now, micros(s.timestamp()), id)
			if err != nil {
				return err
			}
			if n == 0 {
				return faas.Errorf(faas.Conflict, "Execution %s runs: %s holds its lease. It can be cancelled or settled.", id, e.Owner)
			}
		}
		if err := t.due.add(s.shards, LostMessage, id, 0); err != nil {
			return err
		}
		requeued := faas.StoryEvent{Kind: faas.StoryRequeued, At: s.timestamp(), Detail: by}
		return t.stories.tell(id, e.Story(process, requeued)...)
	})
	if err == nil && wasRunning {
		s.usage.add(project, recordCounts{queued: 1})
	}
	return err
}

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// ExecutionLifecycle changes the state of executions: they are queued, claimed, started, finished or
// cancelled. It finds those whose owner is lost.
type ExecutionLifecycle struct {
	*core
	executions *ExecutionStore
	functions  *FunctionStore
}

// Ending is how an execution ended.
type Ending struct {
	Status  faas.ExecutionStatus // success, failed, error or cancelled
	Result  string               // JSON text {"duration": seconds, "output": …}
	Log     string
	Owner   string            // who ran it; another's execution is not ended. "" when the caller does not know
	EndedAt time.Time         // the store's clock when zero
	Events  []Event           // to notify other services of it
	Follow  bool              // what follows the execution is due now
	Story   []faas.StoryEvent // what was unusual on its way

	// of the execution, whose record grows; "" when the caller does not know, and then its growth
	// is not counted
	ProjectID string
	Sample    Sample // for statistics
}

// Start records that an execution runs, under the lease that e asks for, and does not wait for the
// record to be committed: a crash may lose it, together with the call that nobody was answered. The
// record may also be held back a moment for its ending. Start blocks while the recorder is far
// behind, until ctx ends. Status becomes running; an empty StartedAt, CreatedAt or Attempts is
// filled in. The events are kept with the record.
func (s *ExecutionLifecycle) Start(ctx context.Context, e faas.Execution, events ...Event) error {
	if e.ID == "" || e.Lease == 0 {
		return errors.New("an execution must have an id and a lease to start")
	}
	e.Status = faas.ExecutionRunning
	e.Attempts = max(e.Attempts, 1)
	if e.StartedAt.IsZero() {
		e.StartedAt = s.now()
	}
	if e.CreatedAt.IsZero() {
		e.CreatedAt = e.StartedAt
	}
	return s.calls.start(ctx, &e, events)
}

// Finish records how a running execution ended and returns when that is committed. A row that is
// gone is a faas.NotFound; one that is not running, because it ended already or its lease was
// settled, is a faas.Conflict and stays as it is.
func (s *ExecutionLifecycle) Finish(ctx context.Context, id string, ending Ending) error {
	if !ending.Status.Ended() {
		return fmt.Errorf("execution %s cannot end as %q", id, ending.Status)
	}
	if ending.EndedAt.IsZero() {
		ending.EndedAt = s.now()
	}
	ending.Log = validUTF8(ending.Log)
	op := &operation{execution: id, ending: &ending, events: ending.Events, story: ending.Story, kept: true}
	op.change, op.contents = ending.change(id, s.form)
	if ending.Follow {
		op.also = dueNow(s.dialect.grammar(), FollowUp, id)
	}
	if err := s.calls.await(ctx, op); err != nil {
		return err
	}
	if op.row != nil || op.changed > 0 { // it was joined with its start, or has found it
		return nil
	}
	return s.recorder.do(ctx, func(t *tx) error { return t.executions.whyNotEnded(id) })
}

// validUTF8 returns a log as every database keeps it: a function may print any bytes.
func validUTF8(log string) string { return strings.ToValidUTF8(log, "\uFFFD") }

// applied returns the execution as it is after its ending.
func (e Ending) applied(x faas.Execution) faas.Execution {
	x.Status, x.Result, x.Log = e.Status, e.Result, e.Log
	x.EndedAt, x.UpdatedAt, x.Lease, x.LeaseUntil = e.EndedAt, e.EndedAt, 0, time.Time{}
	return x
}

// change writes the ending of an execution that runs. The contents are to be written where it finds
// one.
func (e Ending) change(id string, form recordForm) (change, []content) {
	at := micros(e.EndedAt)
	x, apart := form.split(&faas.Execution{ID: id, Result: e.Result, Log: e.Log})
	sizes, args := "", []any{string(e.Status), x.Result, x.Log, at, at, e.bytes()}
	if len(apart) > 0 {
		sizes, args = ", result_bytes = ?, log_bytes = ?", append(args, x.ResultCut, x.LogCut)
	}
	c := change{
		`UPDATE executions SET status = ?, result = ?, log_text = ?, ended_at = ?, updated_at = ?, lease_until = 0,
			record_bytes = record_bytes + ?` + sizes + `
			WHERE id = ? AND status = 'running'`,
		append(args, id),
	}
	if e.Owner != "" {
		c.query, c.args = c.query+` AND owner = ?`, append(c.args, e.Owner)
	}
	return c, apart
}

// bytes returns by how much the ending makes the record grow.
func (e Ending) bytes() int64 { return int64(len(e.Result) + len(e.Log)) }

// whyNotEnded returns the error of an ending that found no running execution.
func (t executionRows) whyNotEnded(id string) error {
	x, err := t.get(id)
	if err != nil {
		return err
	}
	if x.Status == faas.ExecutionRunning {
		return faas.Errorf(faas.Conflict, "Execution %s is run by %s.", id, x.Owner)
	}
	return faas.Errorf(faas.Conflict, "Execution %s is not running: its status is %s.", id, x.Status)
}

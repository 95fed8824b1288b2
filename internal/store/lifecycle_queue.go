package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Leases, and the times when messages are taken for lost, are compared by processes whose clocks
// differ. They are therefore reckoned by the clock of the database alone: callers say how long, and
// never until when. created_at and the like are for people to read and are by the clock of the
// process that writes them.

// WakeAfter is how long a queued execution's message is trusted: one that nobody has claimed by
// then is published again.
const WakeAfter = time.Minute

// LostMessage is the kind of due work that belongs to each queued execution: its ref is the
// execution, and it is due when the execution's message is taken for lost. It is there for as long
// as the execution is queued.
const LostMessage = "lost-message"

// Enqueue records an asynchronous execution as queued and returns when that is committed. An empty
// CreatedAt is filled in.
func (s *ExecutionLifecycle) Enqueue(ctx context.Context, e faas.Execution) error {
	e.Status = faas.ExecutionQueued
	e.Owner, e.Lease, e.StartedAt, e.EndedAt = "", 0, time.Time{}, time.Time{}
	if e.CreatedAt.IsZero() {
		e.CreatedAt = s.now()
	}
	return s.calls.insert(ctx, &e, dueOfQueued(s.dialect.grammar(), s.shards, &e))
}

// MessageLost has the message of a queued execution published at the next look for due work, and not
// only after WakeAfter: whoever queued it could not send one.
func (s *ExecutionLifecycle) MessageLost(ctx context.Context, id string) error {
	now := dueNow(s.dialect.grammar(), LostMessage, id)
	_, err := s.chores.exec(ctx, now.query, now.args...)
	return err
}

// dueOfQueued is the statement that adds the work which belongs to a queued execution.
func dueOfQueued(g grammar, n faas.Sharding, e *faas.Execution) change {
	message := insertDue(g, n, LostMessage, e.ID, WakeAfter)
	if !e.FollowUp {
		return message
	}
	return message.and(g, insertDue(g, n, FollowUp, e.ID, FollowUpAfter))
}

// enqueue is Enqueue within a transaction, for an execution that is complete.
func (t executionRows) enqueue(n faas.Sharding, e *faas.Execution) error {
	if err := t.insert(e); err != nil {
		return err
	}
	_, err := t.change(dueOfQueued(t.grammar, n, e))
	return err
}

// Claim makes a queued execution the owner's to run, under a lease of that length, and returns it
// as claimed. Of several who try, one gets true. False says that it is not queued any more or is
// gone: whoever was to run it has done so, or does. The events are kept with the claim.
func (s *ExecutionLifecycle) Claim(
	ctx context.Context, id, owner string, lease time.Duration, events ...Event,
) (faas.Execution, bool, error) {
	now := micros(s.now())
	// Whoever has claimed it, it is not queued after this.
	op := &operation{execution: id, events: events, also: withdrawDue(LostMessage, id), change: change{
		`UPDATE executions SET status = 'running', owner = ?, lease_until = ` + s.dialect.grammar().now + ` + ?,
			attempts = attempts + 1, started_at = ?, updated_at = ? WHERE id = ? AND status = 'queued'`,
		[]any{owner, lease.Microseconds(), now, now, id},
	}}
	if err := s.calls.await(ctx, op); err != nil || op.changed == 0 {
		return faas.Execution{}, false, err
	}
	e, err := s.claimed(ctx, id, owner)
	if err == nil {
		s.usage.add(e.ProjectID, recordCounts{queued: -1})
	}
	return e, err == nil, err
}

// claimed returns an execution that the owner has just claimed.
func (s *ExecutionLifecycle) claimed(ctx context.Context, id, owner string) (faas.Execution, error) {
	e, err := executions.scan(s.get.one(ctx, s.get.execution, id))
	if err == nil && e.Owner == owner {
		return s.executions.whole(ctx, e)
	}
	// A reader on another node of a cluster may be behind the writer.
	var now faas.Execution
	err = s.recorder.do(ctx, func(t *tx) (err error) {
		if now, err = t.executions.get(id); err == nil {
			err = t.executions.fill(&now)
		}
		return err
	})
	if err != nil {
		return faas.Execution{}, err
	}
	return now, nil
}

// Release puts an execution that the owner has claimed, and of which nothing has begun, back into
// the queue; its message is the caller's to see to. False says that it is not the owner's any more.
func (s *ExecutionLifecycle) Release(ctx context.Context, id, owner string) (bool, error) {
	now := s.dialect.grammar().now
	release := change{`UPDATE executions SET status = 'queued', owner = '', lease_until = 0,
		attempts = attempts - 1, started_at = 0, updated_at = ? WHERE id = ? AND owner = ? AND status = 'running'`,
		[]any{micros(s.now()), id, owner}}
	// It is queued once more, or was never claimed and has its item still.
	due := change{`INSERT INTO due_work (` + dueColumns + `) SELECT ?, id, ?, ?, ` + now + ` + ?, 0, 0, 0, '', ` + now + `
		FROM executions WHERE id = ? AND status = 'queued' AND NOT EXISTS (SELECT 1 FROM due_work WHERE kind = ? AND ref = ?)`,
		[]any{LostMessage, int64(s.shards.Of(id)), dueWaiting, WakeAfter.Microseconds(), id, LostMessage, id}}
	n, err := s.calls.execBoth(ctx, id, release, due)
	if err != nil || n == 0 {
		return false, err
	}
	if e, err := s.executions.Execution(ctx, faas.AnyProject(), id); err == nil { // otherwise it is counted by the next repair
		s.usage.add(e.ProjectID, recordCounts{queued: 1})
	}
	return true, nil
}

// QueuedExecutions returns ids of queued executions after the given one, "" for the first, in their
// order; limit at most.
func (s *ExecutionLifecycle) QueuedExecutions(ctx context.Context, after string, limit int) ([]string, error) {
	rows, err := s.scans.QueryContext(
		ctx,
		`SELECT ref FROM due_work WHERE kind = ? AND ref > ? ORDER BY ref LIMIT ?`,
		LostMessage,
		after,
		limit,
	)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
}

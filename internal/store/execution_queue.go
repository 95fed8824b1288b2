package store

import (
	"context"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Leases, and the times when messages are taken for lost, are compared by processes whose clocks differ. They are therefore reckoned by the
// clock of the database alone: callers say how long, and never until when. created_at and the like are for people to read and are by the clock of the
// process that writes them.

// WakeAfter is how long a queued execution's message is trusted: one that nobody has claimed by then is published again.
const WakeAfter = time.Minute

// Enqueue records an asynchronous execution as queued and returns when that is committed. An empty CreatedAt is filled in.
func (s *Store) Enqueue(ctx context.Context, e faas.Execution) error {
	e.Status = faas.ExecutionQueued
	e.Owner, e.Lease, e.StartedAt, e.EndedAt = "", WakeAfter, time.Time{}, time.Time{}
	if e.CreatedAt.IsZero() {
		e.CreatedAt = s.now()
	}
	return s.calls.insert(ctx, &e)
}

// Claim makes a queued execution the owner's to run, under a lease of that length, and returns it as claimed. Of several who try, one
// gets true. False says that it is not queued any more or is gone: whoever was to run it has done so, or does. The events are kept with the claim.
func (s *Store) Claim(ctx context.Context, id, owner string, lease time.Duration, events ...Event) (faas.Execution, bool, error) {
	now := micros(s.now())
	op := &operation{execution: id, events: events, change: change{`UPDATE executions SET status = 'running', owner = ?, lease_until = ` + s.dialect.grammar().now + ` + ?,
		attempts = attempts + 1, started_at = ?, updated_at = ? WHERE id = ? AND status = 'queued'`,
		[]any{owner, lease.Microseconds(), now, now, id}}}
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
func (s *Store) claimed(ctx context.Context, id, owner string) (faas.Execution, error) {
	e, err := executions.scan(s.get.one(ctx, s.get.execution, id))
	if err == nil && e.Owner == owner {
		return e, nil
	}
	// A reader on another node of a cluster may be behind the writer.
	err = s.recorder.do(ctx, func(t *tx) error {
		e, err = t.execution(id)
		return err
	})
	return e, err
}

// Release puts an execution that the owner has claimed, and of which nothing has begun, back into the queue; its message is the caller's to see to.
// False says that it is not the owner's any more.
func (s *Store) Release(ctx context.Context, id, owner string) (bool, error) {
	n, err := s.calls.exec(ctx, id, `UPDATE executions SET status = 'queued', owner = '', lease_until = `+s.dialect.grammar().now+` + ?,
		attempts = attempts - 1, started_at = 0, updated_at = ? WHERE id = ? AND owner = ? AND status = 'running'`,
		WakeAfter.Microseconds(), micros(s.now()), id, owner)
	if err != nil || n == 0 {
		return false, err
	}
	if e, err := s.Execution(ctx, faas.AnyProject(), id); err == nil { // otherwise it is counted by the next repair
		s.usage.add(e.ProjectID, recordCounts{queued: 1})
	}
	return true, nil
}

// TakeStale returns the ids of queued executions whose message is taken for lost now, or will be within the time, oldest first, limit at most, and trusts
// the messages that its caller is about to publish for another WakeAfter. Of several who ask at once, each gets others. Projects that are excepted
// are passed over: their messages are known to be there.
func (s *Store) TakeStale(ctx context.Context, within time.Duration, limit int, except ...string) ([]string, error) {
	due := s.dialect.grammar().now + ` + ?`
	query, args := `SELECT id FROM executions WHERE ended_at = 0 AND status = 'queued' AND lease_until < `+due, []any{within.Microseconds()}
	if len(except) > 0 {
		query += ` AND project_id NOT IN (?` + strings.Repeat(", ?", len(except)-1) + `)`
		for _, project := range except {
			args = append(args, project)
		}
	}
	query, args = query+` ORDER BY created_at LIMIT ?`, append(args, limit)
	var ids []string
	err := s.chores.do(ctx, func(t *tx) error {
		rows, err := t.query(query, args...)
		if err != nil {
			return err
		}
		found, err := scanAll(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
		if err != nil {
			return err
		}
		ids = []string{}
		for _, id := range found {
			n, err := t.exec(`UPDATE executions SET lease_until = `+t.grammar.now+` + ?
				WHERE id = ? AND status = 'queued' AND lease_until < `+due, max(WakeAfter, 2*within).Microseconds(), id, within.Microseconds())
			if err != nil {
				return err
			}
			if n > 0 { // or another process has taken it since it was found
				ids = append(ids, id)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

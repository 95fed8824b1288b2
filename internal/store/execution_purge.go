package store

import (
	"context"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// PurgeableExecutions counts what PurgeExecutions would forget.
func (s *Store) PurgeableExecutions(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := s.scans.QueryRowContext(ctx,
		`SELECT COUNT(*) FROM executions WHERE created_at < ? AND ended_at > 0 AND ended_at < ?`,
		micros(before), micros(before)).Scan(&n)
	return n, unavailable(err)
}

// PurgeExecutions deletes executions that ended before the time, limit at most, and returns how
// many.
func (s *Store) PurgeExecutions(ctx context.Context, before time.Time, limit int) (int, error) {
	// What ended before was created before: this bound lets the index on created_at find the rows.
	return s.purge(ctx, `created_at < ? AND ended_at > 0 AND ended_at < ?`, limit, micros(before), micros(before))
}

// PurgeExecutionsOf deletes executions of a function that have ended, as far as the scope sees
// them, the oldest first, limit at most. It returns how many: when fewer than the limit, there are
// no more. The function itself may be gone. Executions that have not ended stay.
func (s *Store) PurgeExecutionsOf(ctx context.Context, scope faas.Scope, functionID string, limit int) (int, error) {
	var where statement
	where.and("function_id = ?", functionID)
	where.and("ended_at > 0")
	executions.inScope(&where, scope)
	return s.purge(ctx, strings.Join(where.where, " AND "), limit, where.args...)
}

// record is what deleting an execution needs to know of its row.
type record struct {
	id, project string
	bytes       int64
}

// purge deletes the oldest executions that meet the condition.
func (s *Store) purge(ctx context.Context, condition string, limit int, args ...any) (int, error) {
	rows, err := s.scans.QueryContext(ctx,
		`SELECT id, project_id, record_bytes FROM executions WHERE `+condition+` ORDER BY created_at LIMIT ?`,
		append(args, limit)...)
	if err != nil {
		return 0, unavailable(err)
	}
	old, err := scanAll(rows, func(row scanner) (r record, err error) {
		return r, row.Scan(&r.id, &r.project,
			&r.bytes)
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	var gone []record
	err = s.chores.do(ctx, func(t *tx) (err error) {
		gone, err = t.deleteExecutions(old)
		return err
	})
	if err != nil {
		return 0, err
	}
	s.countGone(gone)
	return len(gone), nil
}

// deleteExecutions deletes rows and returns those that were there.
func (t *tx) deleteExecutions(rows []record) (gone []record, err error) {
	for _, r := range rows {
		n, err := t.exec(`DELETE FROM executions WHERE id = ?`, r.id)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			gone = append(gone, r)
		}
	}
	return gone, nil
}

// countGone counts that records are gone.
func (s *Store) countGone(gone []record) {
	for _, r := range gone {
		s.usage.add(r.project, recordCounts{bytes: -r.bytes})
	}
}

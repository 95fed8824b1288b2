package store

import (
	"context"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// PurgeableExecutions counts what PurgeExecutions would forget.
func (s *Retention) PurgeableExecutions(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := s.scans.QueryRowContext(ctx,
		`SELECT COUNT(*) FROM executions WHERE created_at < ? AND ended_at > 0 AND ended_at < ?`,
		micros(before), micros(before)).Scan(&n)
	return n, unavailable(err)
}

// PurgeExecutions deletes executions that ended before the time, limit at most, and returns how
// many.
func (s *Retention) PurgeExecutions(ctx context.Context, before time.Time, limit int) (int, error) {
	// What ended before was created before: this bound lets the index on created_at find the rows.
	n, err := s.purge(ctx, "executions", endedBefore, limit, micros(before), micros(before))
	if err != nil || n == limit {
		return n, err
	}
	return n, s.purgeStories(ctx, before, limit)
}

const endedBefore = `created_at < ? AND ended_at > 0 AND ended_at < ?`

// PurgeExecutionsOf deletes executions of a function that have ended, as far as the scope sees
// them, the oldest first, limit at most. It returns how many: when fewer than the limit, there are
// no more. The function itself may be gone. Executions that have not ended stay.
func (s *Retention) PurgeExecutionsOf(ctx context.Context, scope faas.Scope, functionID string, limit int) (int, error) {
	var where statement
	where.and("function_id = ?", functionID)
	where.and("ended_at > 0")
	executions.inScope(&where, scope)
	return s.purge(ctx, "executions", strings.Join(where.where, " AND "), limit, where.args...)
}

// record is what deleting an execution needs to know of its row.
type record struct {
	id, project string
	bytes       int64
	apart       bool // it has contents
}

const recordColumns = `id, project_id, record_bytes, input_bytes + result_bytes + log_bytes`

func scanRecord(row scanner) (r record, err error) {
	var apart int64
	err = row.Scan(&r.id, &r.project, &r.bytes, &apart)
	r.apart = apart > 0
	return r, err
}

// purge deletes the oldest executions of a table, or partitions of it, that meet the condition.
func (s *Retention) purge(ctx context.Context, from, condition string, limit int, args ...any) (int, error) {
	rows, err := s.scans.QueryContext(ctx,
		`SELECT `+recordColumns+` FROM `+from+` WHERE `+condition+` ORDER BY created_at LIMIT ?`,
		append(args, limit)...)
	if err != nil {
		return 0, unavailable(err)
	}
	old, err := scanAll(rows, scanRecord)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	var gone []record
	err = s.chores.do(ctx, func(t *tx) (err error) {
		gone, err = t.executions.delete(old)
		return err
	})
	if err != nil {
		return 0, err
	}
	s.countGone(gone)
	return len(gone), nil
}

// delete deletes rows with their contents and returns those that were there.
func (t executionRows) delete(rows []record) (gone []record, err error) {
	for _, r := range rows {
		n, err := t.exec(`DELETE FROM executions WHERE id = ?`, r.id)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		gone = append(gone, r)
		if !r.apart {
			continue
		}
		if _, err := t.exec(`DELETE FROM execution_contents WHERE execution_id = ?`, r.id); err != nil {
			return nil, err
		}
	}
	return gone, t.stories.drop(gone)
}

// purgeStories deletes events from before the time whose executions are gone, of limit executions at
// most: of those whose partition was dropped, and what came in after its execution was deleted.
func (s *Retention) purgeStories(ctx context.Context, before time.Time, limit int) error {
	rows, err := s.scans.QueryContext(ctx, `SELECT DISTINCT execution_id FROM (
		SELECT execution_id FROM execution_events WHERE at < ? ORDER BY at LIMIT ?) old
		WHERE NOT EXISTS (SELECT 1 FROM executions WHERE id = execution_id)`, micros(before), limit)
	if err != nil {
		return unavailable(err)
	}
	gone, err := scanAll(rows, func(row scanner) (r record, err error) { return r, row.Scan(&r.id) })
	if err != nil || len(gone) == 0 {
		return err
	}
	return s.chores.do(ctx, func(t *tx) error { return t.stories.drop(gone) })
}

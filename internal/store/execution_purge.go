package store

import (
	"context"
	"time"
)

// PurgeableExecutions counts what PurgeExecutions would forget.
func (s *Store) PurgeableExecutions(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := s.scans.QueryRowContext(ctx, `SELECT COUNT(*) FROM executions WHERE created_at < ? AND ended_at > 0 AND ended_at < ?`,
		micros(before), micros(before)).Scan(&n)
	return n, unavailable(err)
}

// PurgeExecutions forgets executions that ended before the time, limit at most, and returns how many.
func (s *Store) PurgeExecutions(ctx context.Context, before time.Time, limit int) (int, error) {
	var purged int
	err := s.chores.do(ctx, func(t *tx) error {
		// What ended before was created before: this bound lets the index on created_at find the rows.
		rows, err := t.query(`SELECT id FROM executions WHERE created_at < ? AND ended_at > 0 AND ended_at < ?
			ORDER BY created_at LIMIT ?`, micros(before), micros(before), limit)
		if err != nil {
			return err
		}
		ids, err := scanAll(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
		if err != nil {
			return err
		}
		purged = 0
		for _, id := range ids {
			n, err := t.exec(`DELETE FROM executions WHERE id = ?`, id)
			if err != nil {
				return err
			}
			purged += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return purged, nil
}

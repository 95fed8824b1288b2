package store

import (
	"context"
	"time"
)

// PurgeableExecutions counts what PurgeExecutions would forget.
func (s *Store) PurgeableExecutions(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := s.readers.QueryRowContext(ctx, `SELECT COUNT(*) FROM executions WHERE created_at < ? AND ended_at > 0 AND ended_at < ?`,
		micros(before), micros(before)).Scan(&n)
	return n, unavailable(err)
}

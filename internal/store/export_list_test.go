package store

import (
	"context"
	"testing"
	"time"
)

// CompareAtMost has lists compare no more rows than n until the test ends.
func CompareAtMost(t *testing.T, n int) {
	before := comparedAtMost
	comparedAtMost = n
	t.Cleanup(func() { comparedAtMost = before })
}

// EndListsAfter has the database end statements of lists after the time, on connections that are
// made from now on and until the test ends.
func EndListsAfter(t *testing.T, d time.Duration) {
	before := listStatementTime
	listStatementTime = d
	t.Cleanup(func() { listStatementTime = before })
}

// AsList runs a query that returns one value as a list does. tooLong says that the database ended
// it.
func (s *Store) AsList(ctx context.Context, query string) (tooLong bool, err error) {
	var value any
	err = s.lists.QueryRowContext(ctx, query).Scan(&value)
	return s.dialect.tookTooLong(err), err
}

// AddRecordUsage adds what was committed here to the counts of the projects' records now.
func (s *Store) AddRecordUsage(ctx context.Context) error {
	s.usage.flush(ctx, s.chores)
	return ctx.Err()
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Retention deletes the records of executions that are kept for long enough, by partitions where the
// table has them and by rows elsewhere.
type Retention struct{ *core }

// Whole partitions go after execution_retention (Retire). What single projects and functions keep
// for less long, or fewer of, is deleted row by row, found by the indexes that lists of a project or
// a function use. What has not ended stays.

// ProjectsWithRecords returns ids of projects that have records of executions, after the given one
// in their order; limit at most.
func (s *Retention) ProjectsWithRecords(ctx context.Context, after string, limit int) ([]string, error) {
	rows, err := s.scans.QueryContext(ctx,
		`SELECT project_id FROM quota_usages WHERE resource = ? AND project_id > ? ORDER BY project_id LIMIT ?`,
		string(faas.ResourceRecords), after, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
}

// Retained is what a function's own retention is.
type Retained struct {
	FunctionID, ProjectID string
	Retention             faas.Retention
}

// RetentionsOf returns the retention of functions after the given one in the order of their ids;
// limit at most.
func (s *Retention) RetentionsOf(ctx context.Context, after string, limit int) ([]Retained, error) {
	rows, err := s.scans.QueryContext(ctx,
		`SELECT id, project_id, retention_days, retention_count FROM functions WHERE id > ? ORDER BY id LIMIT ?`,
		after, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (r Retained, err error) {
		return r, row.Scan(&r.FunctionID, &r.ProjectID, &r.Retention.Days, &r.Retention.Count)
	})
}

// PurgeProject deletes executions of a project that ended before the time, the oldest first, limit
// at most, and returns how many.
func (s *Retention) PurgeProject(ctx context.Context, projectID string, before time.Time, limit int) (int, error) {
	from := s.dialect.grammar().forced("executions", "executions_of_project")
	return s.purge(ctx, from, "project_id = ? AND "+endedBefore, limit, projectID, micros(before), micros(before))
}

// PurgeFunction deletes executions of a function that ended before the time, the oldest first, limit
// at most, and returns how many.
func (s *Retention) PurgeFunction(ctx context.Context, functionID string, before time.Time, limit int) (int, error) {
	from := s.dialect.grammar().forced("executions", "executions_of_function")
	return s.purge(ctx, from, "function_id = ? AND "+endedBefore, limit, functionID, micros(before), micros(before))
}

// PurgeAllBut deletes executions of a function that have ended, but for those among its newest: so
// many that have ended or not. The oldest are deleted first, limit at most; it returns how many.
func (s *Retention) PurgeAllBut(ctx context.Context, functionID string, newest int64, limit int) (int, error) {
	var id string
	var at int64
	from := s.dialect.grammar().forced("executions", "executions_of_function")
	err := s.scans.QueryRowContext(ctx, `SELECT id, created_at FROM `+from+` WHERE function_id = ?
		ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET ?`, functionID, newest).Scan(&id, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil // there are not so many
	}
	if err != nil {
		return 0, unavailable(err)
	}
	return s.purge(ctx, from, `function_id = ? AND created_at <= ? AND (created_at < ? OR id <= ?) AND ended_at > 0`,
		limit, functionID, at, at, id)
}

package store

import (
	"context"
	"database/sql"
)

// lookups are the prepared statements of the reads that a call makes.
type lookups struct {
	runtime, function, execution, executionLog, packageUse *sql.Stmt
}

func (l *lookups) prepare(ctx context.Context, db *sql.DB) error {
	for query, to := range map[string]**sql.Stmt{
		`SELECT ` + runtimeColumns + ` FROM runtimes WHERE id = ?`:     &l.runtime,
		`SELECT ` + functionColumns + ` FROM functions WHERE id = ?`:   &l.function,
		`SELECT ` + executionColumns + ` FROM executions WHERE id = ?`: &l.execution,
		`SELECT project_id, log_text FROM executions WHERE id = ?`:     &l.executionLog,
		`SELECT COUNT(*) FROM functions WHERE code_sha256 = ?`:         &l.packageUse,
	} {
		stmt, err := db.PrepareContext(ctx, query)
		if err != nil {
			return unavailable(err)
		}
		*to = stmt // closed with its database
	}
	return nil
}

// one runs a prepared statement that gives one row.
func (l *lookups) one(ctx context.Context, stmt *sql.Stmt, args ...any) *sql.Row {
	return stmt.QueryRowContext(ctx, args...)
}

package store

import (
	"context"
	"database/sql"
)

// lookups are the prepared statements of the reads that a call makes.
type lookups struct {
	runtime, function, version, alias, execution, executionLog, contents, packageUse, webhook, trigger *sql.Stmt
}

func (l *lookups) prepare(ctx context.Context, db *sql.DB) error {
	for query, to := range map[string]**sql.Stmt{
		runtimes.selectByID():   &l.runtime,
		functions.selectByID():  &l.function,
		selectVersion:           &l.version,
		selectAlias:             &l.alias,
		executions.selectByID(): &l.execution,
		`SELECT project_id, log_text, log_bytes FROM executions WHERE id = ?`: &l.executionLog,
		selectContents:        &l.contents,
		packageUses:           &l.packageUse,
		webhooks.selectByID(): &l.webhook,
		triggers.selectByID(): &l.trigger,
	} {
		stmt, err := db.PrepareContext(ctx, query)
		if err != nil {
			return unavailable(err)
		}
		*to = stmt // closed with its database
	}
	return nil
}

// one runs a prepared statement that returns one row.
func (l *lookups) one(ctx context.Context, stmt *sql.Stmt, args ...any) *sql.Row {
	return stmt.QueryRowContext(ctx, args...)
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// What an execution has printed so far is a row of running_logs while it runs, if it runs for long.
// It becomes the log of one whose lease runs out. The rows of executions are not written for it: they
// are read in lists and locked by endings.

// KeepLog keeps what an execution that runs has printed so far, in place of what was kept before.
// Nothing is kept of one that does not run.
func (s *ExecutionStore) KeepLog(ctx context.Context, id, log string) error {
	_, err := s.chores.exec(ctx, `REPLACE INTO running_logs (execution_id, written_at, log_text)
		SELECT id, `+s.dialect.grammar().now+`, ? FROM executions WHERE id = ? AND status = 'running'`, validUTF8(log), id)
	return err
}

// DropLog forgets what was kept by KeepLog of an execution whose outcome is known.
func (s *ExecutionStore) DropLog(ctx context.Context, id string) error {
	_, err := s.chores.exec(ctx, `DELETE FROM running_logs WHERE execution_id = ?`, id)
	return err
}

// PurgeLogs forgets what was kept by KeepLog so long ago, limit at most, and returns how many: of
// executions whose process died between the outcome's record and DropLog.
func (s *ExecutionStore) PurgeLogs(ctx context.Context, age time.Duration, limit int) (int, error) {
	rows, err := s.scans.QueryContext(ctx, `SELECT execution_id FROM running_logs WHERE written_at < `+
		s.dialect.grammar().now+` - ? ORDER BY written_at LIMIT ?`, age.Microseconds(), limit)
	if err != nil {
		return 0, unavailable(err)
	}
	old, err := scanAll(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
	if err != nil || len(old) == 0 {
		return 0, err
	}
	err = s.chores.do(ctx, func(t *tx) error {
		for _, id := range old {
			if err := t.logs.drop(id); err != nil {
				return err
			}
		}
		return nil
	})
	return len(old), err
}

// logSoFar returns what was kept by KeepLog, "" when nothing was.
func (s *ExecutionStore) logSoFar(ctx context.Context, id string) (log string, err error) {
	err = s.readers.QueryRowContext(ctx, selectRunningLog, id).Scan(&log)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return log, unavailable(err)
}

const selectRunningLog = `SELECT log_text FROM running_logs WHERE execution_id = ?`

// runningLogs are the logs of executions that run, within a transaction.
type runningLogs struct{ *statements }

// get is as ExecutionStore's within a transaction.
func (t runningLogs) get(id string) (log string, err error) {
	err = t.queryRow(selectRunningLog, id).Scan(&log)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return log, err
}

func (t runningLogs) drop(id string) error {
	_, err := t.exec(`DELETE FROM running_logs WHERE execution_id = ?`, id)
	return err
}

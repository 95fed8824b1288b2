package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/openstack-faas/faas/internal/faas"
)

// tx is the recorder's connection within a transaction. Its statements are prepared once and kept: on the way of a call,
// parsing them costs more than running them.
type tx struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	calls map[string]int // executions inserted in this transaction, by function
}

func newTx(conn *sql.Conn) *tx {
	return &tx{conn: conn, stmts: map[string]*sql.Stmt{}, calls: map[string]int{}}
}

// background is the context of every statement of a transaction: a batch is many callers', and none of them may cut it short.
func background() context.Context { return context.Background() }

func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if s := t.stmts[query]; s != nil {
		return s, nil
	}
	s, err := t.conn.PrepareContext(background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	t.stmts[query] = s
	return s, nil
}

// exec runs a statement and gives how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	s, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(background(), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (t *tx) query(query string, args ...any) (*sql.Rows, error) {
	s, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(background(), args...)
}

func (t *tx) queryRow(query string, args ...any) scanner {
	s, err := t.stmt(query)
	if err != nil {
		return failedRow{err}
	}
	return s.QueryRowContext(background(), args...)
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

// already turns an insert's "exists" into a faas.Conflict; nil stays nil.
func (t *tx) already(noun, id string, err error) error {
	if duplicate(err) {
		return faas.Errorf(faas.Conflict, "There is a %s %s already.", noun, id)
	}
	return err
}

// countCalls adds the transaction's executions to their functions' counts.
func (t *tx) countCalls() error {
	for id, n := range t.calls {
		if _, err := t.exec(`UPDATE functions SET call_count = call_count + ? WHERE id = ?`, n, id); err != nil {
			return err
		}
	}
	clear(t.calls)
	return nil
}

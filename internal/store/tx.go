package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/openstack-faas/faas/internal/faas"
)

// tx is a writer's connection within a transaction. Its statements are prepared once and kept.
type tx struct {
	conn    *sql.Conn
	dialect dialect
	grammar grammar
	form    recordForm
	cluster bool // the server is a node of a Galera cluster
	stmts   map[string]*sql.Stmt
}

func newTx(conn *sql.Conn, d dialect, form recordForm) *tx {
	return &tx{conn: conn, dialect: d, grammar: d.grammar(), form: form, stmts: map[string]*sql.Stmt{}}
}

// background is the context of every statement of a transaction: a batch is many callers', and none
// of them may cut it short.
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

// exec runs a statement and returns how many rows it found.
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

// begin begins a transaction.
func (t *tx) begin() error { return t.control(t.grammar.begin) }

// control runs what begins, ends or divides a transaction.
func (t *tx) control(query string) error {
	if t.grammar.prepared {
		_, err := t.exec(query)
		return err
	}
	_, err := t.conn.ExecContext(background(), query)
	return err
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
	if t.dialect.fault(err) == duplicate {
		return faas.Errorf(faas.Conflict, "A %s with the id %s exists already.", noun, id)
	}
	return err
}

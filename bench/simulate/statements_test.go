package simulate

import (
	"context"
	"database/sql/driver"
	"strings"
	"sync/atomic"
)

// statements counts what the database is asked.
type statements struct{ reads, writes, commits atomic.Int64 }

// counts are statements until a moment.
type counts struct{ reads, writes, commits int64 }

func (s *statements) counts() counts {
	return counts{s.reads.Load(), s.writes.Load(), s.commits.Load()}
}

func (c counts) since(before counts) counts {
	return counts{c.reads - before.reads, c.writes - before.writes, c.commits - before.commits}
}

// count notes one statement. One outside a transaction commits by itself.
func (s *statements) count(statement string, alone bool) {
	word, _, _ := strings.Cut(strings.TrimSpace(statement), " ")
	switch strings.ToUpper(word) {
	case "SELECT", "WITH":
		s.reads.Add(1)
	case "INSERT", "UPDATE", "DELETE", "REPLACE":
		s.writes.Add(1)
		if alone {
			s.commits.Add(1)
		}
	case "COMMIT":
		s.commits.Add(1)
	}
}

// wrap returns the driver, counted.
func (s *statements) wrap(d driver.Driver) driver.Driver { return countedDriver{d, s} }

type countedDriver struct {
	driver.Driver
	counted *statements
}

func (d countedDriver) Open(name string) (driver.Conn, error) {
	conn, err := d.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return &countedConn{sqliteConn: conn.(sqliteConn), counted: d.counted}, nil
}

// sqliteConn is what the driver's connections have, and the store's pools use.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type countedConn struct {
	sqliteConn
	counted *statements
	within  bool // a transaction. A connection is used by one goroutine at a time
}

func (c *countedConn) note(statement string) {
	c.counted.count(statement, !c.within)
	word, _, _ := strings.Cut(strings.TrimSpace(statement), " ")
	switch strings.ToUpper(word) {
	case "BEGIN":
		c.within = true
	case "COMMIT", "ROLLBACK":
		c.within = false
	}
}

func (c *countedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.sqliteConn.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	c.within = true
	return countedTx{tx, c}, nil
}

func (c *countedConn) ExecContext(
	ctx context.Context, statement string, args []driver.NamedValue,
) (driver.Result, error) {
	c.note(statement)
	return c.sqliteConn.ExecContext(ctx, statement, args)
}

func (c *countedConn) QueryContext(
	ctx context.Context, statement string, args []driver.NamedValue,
) (driver.Rows, error) {
	c.note(statement)
	return c.sqliteConn.QueryContext(ctx, statement, args)
}

func (c *countedConn) PrepareContext(ctx context.Context, statement string) (driver.Stmt, error) {
	prepared, err := c.sqliteConn.PrepareContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	return &countedStmt{prepared.(sqliteStmt), c, statement}, nil
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type countedStmt struct {
	sqliteStmt
	conn      *countedConn
	statement string
}

func (s *countedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.conn.note(s.statement)
	return s.sqliteStmt.ExecContext(ctx, args)
}

func (s *countedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.conn.note(s.statement)
	return s.sqliteStmt.QueryContext(ctx, args)
}

type countedTx struct {
	driver.Tx
	conn *countedConn
}

func (t countedTx) Commit() error {
	t.conn.within = false
	t.conn.counted.commits.Add(1)
	return t.Tx.Commit()
}

func (t countedTx) Rollback() error {
	t.conn.within = false
	return t.Tx.Rollback()
}

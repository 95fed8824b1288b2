package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/openstack-faas/faas/internal/faas"
)

// tx is a transaction of a writer's: its statements, and by table what several kinds of change do
// within one. What changes one table has what it needs of others as a field.
type tx struct {
	*statements
	due        dueItems
	quota      quotaUse
	packages   packageNotes
	trusts     trustUses
	runtimes   runtimeRows
	functions  functionRows
	versions   versionRows
	aliases    aliasRows
	references references
	jobs       jobRows
	webhooks   webhookRows
	triggers   triggerRows
	letters    letterRows
	stories    storyRows
	logs       runningLogs
	executions executionRows
	statistics statisticsRows
	outbox     outboxRows
	shards     shardRows
}

func newTx(conn *sql.Conn, d dialect, form recordForm) *tx {
	s := &statements{conn: conn, dialect: d, grammar: d.grammar(), form: form, stmts: map[string]*sql.Stmt{}}
	t := &tx{statements: s}
	t.due = dueItems{s}
	t.quota = quotaUse{s}
	t.packages = packageNotes{s, t.due}
	t.trusts = trustUses{s, t.due}
	t.runtimes = runtimeRows{s}
	t.functions = functionRows{s}
	t.versions = versionRows{s, t.quota, t.packages, t.trusts}
	t.aliases = aliasRows{s}
	t.references = references{s, t.aliases}
	t.jobs = jobRows{s}
	t.webhooks = webhookRows{s}
	t.triggers = triggerRows{s, t.due, t.quota, t.trusts}
	t.letters = letterRows{s, t.triggers}
	t.stories = storyRows{s}
	t.logs = runningLogs{s}
	t.executions = executionRows{s, t.stories}
	t.statistics = statisticsRows{s}
	t.outbox = outboxRows{s}
	t.shards = shardRows{s}
	return t
}

// statements runs statements on a writer's connection within a transaction. Each is prepared once
// and kept.
type statements struct {
	conn    *sql.Conn
	dialect dialect
	grammar grammar
	form    recordForm
	cluster bool // the server is a node of a Galera cluster
	stmts   map[string]*sql.Stmt
}

// background is the context of every statement of a transaction: a batch is many callers', and none
// of them may cut it short.
func background() context.Context { return context.Background() }

func (t *statements) stmt(query string) (*sql.Stmt, error) {
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
func (t *statements) exec(query string, args ...any) (int64, error) {
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

// change runs a change and returns how many rows it found.
func (t *statements) change(c change) (int64, error) { return t.exec(c.query, c.args...) }

// begin begins a transaction.
func (t *statements) begin() error { return t.control(t.grammar.begin) }

// control runs what begins, ends or divides a transaction.
func (t *statements) control(query string) error {
	if t.grammar.prepared {
		_, err := t.exec(query)
		return err
	}
	_, err := t.conn.ExecContext(background(), query)
	return err
}

func (t *statements) query(query string, args ...any) (*sql.Rows, error) {
	s, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(background(), args...)
}

func (t *statements) queryRow(query string, args ...any) scanner {
	s, err := t.stmt(query)
	if err != nil {
		return failedRow{err}
	}
	return s.QueryRowContext(background(), args...)
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

// already turns an insert's "exists" into a faas.Conflict; nil stays nil.
func (t *statements) already(noun, id string, err error) error {
	if t.dialect.fault(err) == duplicate {
		return faas.Errorf(faas.Conflict, "A %s with the id %s exists already.", noun, id)
	}
	return err
}

package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"github.com/openstack-faas/faas/internal/faas"
)

// A round trip to a database costs two wake-ups, one of the server's thread and one of ours, each
// of which waits on a busy machine for a turn on a processor. So a batch whose operations are
// single statements goes to a server as one packet: the rows, the changes, the mark of the fence
// and the COMMIT. The server runs a packet when it has all of it, so that no transaction stays open
// when this host is lost. It stops at the first statement that fails; then the batch is undone and
// its operations are run one by one, so that each hears of its own error.
type packet struct {
	rows    []*operation
	changes []*operation
	also    []change // of either
	stories []storyOf
	form    recordForm
}

func (p packet) empty() bool { return len(p.rows)+len(p.changes) == 0 }

// packetOf returns the batch's operations without those whose callers have left. It reports false
// when there is one of several round trips among them.
func packetOf(batch []*operation, form recordForm) (p packet, ok bool) {
	p.form = form
	for _, op := range batch {
		switch {
		case op.do != nil:
			return packet{}, false
		case op.abandoned():
			op.err = errAbandoned
			continue
		case op.row != nil:
			p.rows = append(p.rows, op)
		case op.change.query != "":
			p.changes = append(p.changes, op)
		}
		if op.also.query != "" {
			p.also = append(p.also, op.also)
		}
		if len(op.story) > 0 {
			p.stories = append(p.stories, storyOf{op.execution, op.story})
		}
	}
	return p, true
}

// layout says which of a packet's statements are its changes.
type layout struct {
	statements int
	changes    []int
}

// text returns the statements of the packet and their arguments. @outcome collects how many rows
// each change found, a digit each, for the fence.
func (p packet) text(t *tx, f *fence) (query string, args []driver.NamedValue, l layout) {
	g := t.grammar
	var b strings.Builder
	if first := f.first(t); first != "" {
		b.WriteString(first)
		l.statements++
	}
	add := func(query string, values []any) {
		b.WriteString(query + "; ")
		l.statements++
		for _, v := range values {
			args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: v})
		}
	}
	if len(p.rows) > 0 {
		rows, events, contents := make([]*faas.Execution, 0, len(p.rows)), []Event(nil), []content(nil)
		for _, op := range p.rows {
			row, apart := p.form.split(op.row)
			rows, events, contents = append(rows, row), append(events, op.events...), append(contents, apart...)
		}
		add(executions.insert(g, rows...))
		if len(events) > 0 {
			add(insertEvents(events))
		}
		if len(contents) > 0 {
			add(insertContents(contents))
		}
	}
	outcome := noOutcome
	if len(p.changes) > 0 {
		outcome = "@outcome"
		add("SET @outcome = ''", nil)
	}
	for _, op := range p.changes {
		l.changes = append(l.changes, l.statements)
		add(op.change.query, op.change.args)
		add("SET @outcome = CONCAT(@outcome, LEAST(ROW_COUNT(), 9))", nil)
		for _, e := range op.events {
			add(insertIfFound(e))
		}
		for _, c := range op.contents {
			add(insertContentIfFound(c))
		}
	}
	for _, c := range p.also {
		add(c.query, c.args)
	}
	if len(p.stories) > 0 {
		c := storyInsert(g, p.stories)
		add(c.query, c.args)
	}
	b.WriteString(f.last(t, outcome) + "; COMMIT")
	l.statements += 2
	return b.String(), args, l
}

// Errors of a packet of which nothing was sent.
var (
	errTooLarge = errors.New("the batch is too large for one packet")
	errNotText  = errors.New("the batch has text that is not UTF-8")
)

// areText reports whether all text is UTF-8, the character set of the connection. Only such text is
// made part of a statement. Other text is sent as the argument of a prepared one, which the server
// refuses by itself.
func areText(args []driver.NamedValue) bool {
	for _, arg := range args {
		if text, ok := arg.Value.(string); ok && !utf8.ValidString(text) {
			return false
		}
	}
	return true
}

// send runs the packet and notes what each change found. An error may be that of any statement of
// it, or the loss of the answer.
func (p packet) send(t *tx, f *fence) error {
	query, args, layout := p.text(t, f)
	if !areText(args) {
		return errNotText
	}
	var affected []int64
	err := t.conn.Raw(func(conn any) error {
		res, err := conn.(driver.ExecerContext).ExecContext(background(), query, args)
		if err == nil {
			affected = res.(mysql.Result).AllRowsAffected()
		}
		if errors.Is(err, driver.ErrSkip) {
			err = errTooLarge
		}
		return err
	})
	if errors.Is(err, errTooLarge) {
		return err
	}
	if f.sent(err); err != nil {
		return err
	}
	return p.found(affected, layout)
}

// found takes what each change found from the results of all statements.
func (p packet) found(affected []int64, l layout) error {
	if len(p.changes) > 0 && len(affected) != l.statements {
		return fmt.Errorf("the database has answered %d statements of %d", len(affected), l.statements)
	}
	for n, op := range p.changes {
		op.changed = affected[l.changes[n]]
	}
	p.succeed()
	return nil
}

// learn takes what each change found from the outcome that the fence has kept.
func (p packet) learn(outcome string) {
	for n, op := range p.changes {
		op.changed = int64(outcome[n] - '0')
	}
	p.succeed()
}

// succeed clears the errors of tries before.
func (p packet) succeed() {
	for _, op := range p.rows {
		op.err = nil
	}
	for _, op := range p.changes {
		op.err = nil
	}
}

package store

import (
	"context"
	"database/sql"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/faas"
)

// A row of executions is small, whatever was called with what: lists, counts, claims and retention
// go through rows, and a page of the database that holds one long log holds little else. A text
// above inlineAtMost is therefore a row of execution_contents, and the execution's own row has its
// size and its beginning. Only whoever asks for one execution, or for its log, reads contents.
//
// A text is in one of the two places; rows from before there were contents have theirs whole.

// inlineAtMost is the longest text, in bytes, that an execution's row keeps itself. Lists show what
// is not longer, so that none reads contents; inputs and results of most calls are far below it, so
// that a call is one INSERT.
const inlineAtMost = cutAbove

const never = math.MaxInt

// The kinds of contents, as the rows say.
const (
	contentInput  = "input"
	contentResult = "result"
	contentLog    = "log"
)

// content is a text that is kept apart.
type content struct{ execution, kind, text string }

// recordForm is how records are written.
type recordForm struct {
	// above is the length in bytes above which texts are kept apart. Processes of a release that does
	// not know contents would read their beginnings only, and run functions with the beginning of an
	// input: as long as there may be one, it is never.
	above int
}

// contentsSince is the migration that brought contents. Once the schema demands programs that know
// it, none is left which does not. A new database demands them from the start; FinishUpgrade has
// others do so.
const contentsSince = 30

// readForm reads how records are to be written. A process keeps to it for its life.
func readForm(ctx context.Context, db *sql.DB) (recordForm, error) {
	var n int
	err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM schema_contracts WHERE readable_by >= ?`, contentsSince).Scan(&n)
	if n == 0 {
		return recordForm{above: never}, unavailable(err)
	}
	return recordForm{above: inlineAtMost}, unavailable(err)
}

// split returns the execution as its row is to be, and the texts that are kept apart. The execution
// itself stays as it is.
func (f recordForm) split(x *faas.Execution) (row *faas.Execution, apart []content) {
	if !f.splits(x) {
		return x, nil
	}
	small := *x
	for _, of := range []struct {
		kind string
		text *string
		size *int64
	}{
		{contentInput, &small.Input, &small.InputCut},
		{contentResult, &small.Result, &small.ResultCut},
		{contentLog, &small.Log, &small.LogCut},
	} {
		if len(*of.text) > f.above {
			apart = append(apart, content{x.ID, of.kind, *of.text})
			*of.size, *of.text = int64(len(*of.text)), beginning(*of.text)
		}
	}
	return &small, apart
}

// splits reports whether a text of the execution is kept apart.
func (f recordForm) splits(x *faas.Execution) bool {
	return max(len(x.Input), len(x.Result), len(x.Log)) > f.above
}

// beginning returns the first characters of a text, as many as lists leave of one that they cut.
func beginning(text string) string {
	end := 0
	for range cutTo {
		_, n := utf8.DecodeRuneInString(text[end:])
		end += n
	}
	return text[:end]
}

// insertContents returns the statement that keeps contents, one at least, and its arguments.
func insertContents(contents []content) (query string, args []any) {
	args = make([]any, 0, 3*len(contents))
	for _, c := range contents {
		args = append(args, c.execution, c.kind, c.text)
	}
	return `INSERT INTO execution_contents (execution_id, kind, content) VALUES (?, ?, ?)` +
		strings.Repeat(", (?, ?, ?)", len(contents)-1), args
}

// insertContentIfFound is as insertIfFound.
func insertContentIfFound(c content) (query string, args []any) {
	return `INSERT INTO execution_contents (execution_id, kind, content) SELECT ?, ?, ? FROM DUAL
		WHERE RIGHT(@outcome, 1) <> '0'`, []any{c.execution, c.kind, c.text}
}

func (t executionRows) addContents(contents []content) error {
	for _, c := range contents { // each alone: there are three at most, and one of them is as large as a packet may be
		query, args := insertContents([]content{c})
		if _, err := t.exec(query, args...); err != nil {
			return err
		}
	}
	return nil
}

const selectContents = `SELECT kind, content FROM execution_contents WHERE execution_id = ? AND kind IN (?, ?)`

// whole returns the execution with the input and the result that its row has the beginnings of.
func (s *ExecutionStore) whole(ctx context.Context, x faas.Execution) (faas.Execution, error) {
	if x.InputCut == 0 && x.ResultCut == 0 {
		return x, nil
	}
	rows, err := s.get.contents.QueryContext(ctx, x.ID, contentInput, contentResult)
	if err != nil {
		return faas.Execution{}, unavailable(err)
	}
	if err := complete(&x, rows); err != nil {
		return faas.Execution{}, err
	}
	return x, nil
}

// fill is whole within a transaction.
func (t executionRows) fill(x *faas.Execution) error {
	if x.InputCut == 0 && x.ResultCut == 0 {
		return nil
	}
	rows, err := t.query(selectContents, x.ID, contentInput, contentResult)
	if err != nil {
		return err
	}
	return complete(x, rows)
}

// complete puts contents into their execution. Where one is missing, the execution was deleted since
// its row was read.
func complete(x *faas.Execution, rows *sql.Rows) error {
	contents, err := scanAll(rows, func(row scanner) (c content, err error) { return c, row.Scan(&c.kind, &c.text) })
	if err != nil {
		return err
	}
	for _, c := range contents {
		switch c.kind {
		case contentInput:
			x.Input, x.InputCut = c.text, 0
		case contentResult:
			x.Result, x.ResultCut = c.text, 0
		}
	}
	if x.InputCut != 0 || x.ResultCut != 0 {
		return notFound("execution", x.ID)
	}
	return nil
}

// content returns one of an execution's contents.
func (s *ExecutionStore) content(ctx context.Context, id, kind string) (text string, err error) {
	var k string
	err = s.get.one(ctx, s.get.contents, id, kind, kind).Scan(&k, &text)
	return text, missing("execution", id, err)
}

// Contents counts the texts that are kept apart, for tests and tools.
func (s *ExecutionStore) Contents(ctx context.Context) (n int, err error) {
	err = s.scans.QueryRowContext(ctx, `SELECT COUNT(*) FROM execution_contents`).Scan(&n)
	return n, unavailable(err)
}

package store

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// resource describes the table of one kind of object. Everything that names columns is derived from
// its list of columns: what is read, inserted and updated, and what lists may be filtered and
// sorted by. A new column is one line there and one migration.
type resource[T any] struct {
	table
	columns []column[T]
	whole   insertion[T] // of all columns
	usual   insertion[T] // without those that are seldom set
}

// insertion is how objects are inserted.
type insertion[T any] struct {
	columns []column[T]
	into    string // INSERT INTO … VALUES, to be followed by rows
	row     string // the placeholders of one object, in parentheses; clockMark stands for grammar.now
	plain   string // the same for an object that asks for no time span
}

// column is one column of a table and the part of the object that it keeps.
type column[T any] struct {
	name string
	// at returns where the column's value is in the object: a pointer to a field of a basic type,
	// or a codec around one. It is read to write the column and set to read it.
	at func(*T) any
	// asked returns a time span that the column is written with instead: the column becomes that
	// much later than the database's clock says, or 0 for a span of 0. Times that processes with
	// different clocks compare are kept so.
	asked func(*T) time.Duration
	// size returns where lists put the size in bytes of a text that they have cut, and 0 of one
	// that they have not; nil for a column that lists never cut.
	size func(*T) *int64
	// kept names the column that has the size already where the text is kept elsewhere, and 0 where it
	// is not; "" where texts are always whole.
	kept  string
	kind  fieldKind  // whether and how lists compare the column
	index fieldIndex // which comparisons of lists an index answers
	as    string     // the name by which clients filter and sort; "" for the column's own
	rule  columnRule
}

// columnRule says which statements leave a column out.
type columnRule uint8

const (
	// insertOnly columns keep what the INSERT wrote: resource.update leaves them alone. Some never
	// change; others have statements of their own.
	insertOnly columnRule = 1 << iota
	// unread columns are not selected with the object, because they are large and seldom asked for.
	unread
	// seldom columns are left out of an INSERT none of whose objects sets one: the database then fills
	// in its default, which is their zero value. It is for columns of which most rows have none.
	seldom
	// unlisted columns are not selected by lists, which have them by another (column.kept).
	unlisted
)

// codec is a value that the database keeps in another form.
type codec interface {
	sql.Scanner
	driver.Valuer
}

// newResource completes the description of a table by its columns, which are read in their order;
// the first is the id.
func newResource[T any](t table, columns []column[T]) resource[T] {
	r := resource[T]{table: t, columns: columns}
	r.fields = map[string]field{}
	var read, listed []string
	var usual []column[T]
	for _, c := range columns {
		if c.rule&seldom == 0 {
			usual = append(usual, c)
		}
		if c.rule&unread == 0 {
			read = append(read, c.name)
			if c.rule&unlisted == 0 {
				listed = append(listed, c.listed()...)
			}
		}
		if c.kind != notCompared {
			r.fields[orDefault(c.as, c.name)] = field{column: c.name, kind: c.kind, index: c.index}
		}
	}
	r.selected, r.listed = strings.Join(read, ", "), strings.Join(listed, ", ")
	r.whole, r.usual = newInsertion(t.name, columns), newInsertion(t.name, usual)
	return r
}

func newInsertion[T any](name string, columns []column[T]) insertion[T] {
	var names, places, plain []string
	for _, c := range columns {
		names = append(names, c.name)
		if c.asked == nil {
			places, plain = append(places, "?"), append(plain, "?")
		} else {
			places, plain = append(places, "COALESCE("+clockMark+" + NULLIF(?, 0), 0)"), append(plain, "0")
		}
	}
	return insertion[T]{
		columns: columns, into: "INSERT INTO " + name + " (" + strings.Join(names, ", ") + ") VALUES ",
		row: "(" + strings.Join(places, ", ") + ")", plain: "(" + strings.Join(plain, ", ") + ")",
	}
}

// clockMark stands for the expression of the database's clock where the database is not known yet.
const clockMark = "{now}"

// listed returns what lists select of the column.
func (c *column[T]) listed() []string {
	if c.size == nil {
		return []string{c.name}
	}
	long := fmt.Sprintf("OCTET_LENGTH(%s) > %d", c.name, cutAbove)
	return []string{
		fmt.Sprintf("CASE WHEN %s THEN SUBSTR(%s, 1, %d) ELSE %s END", long, c.name, cutTo, c.name),
		fmt.Sprintf("CASE WHEN %s THEN OCTET_LENGTH(%s) ELSE %s END", long, c.name, orDefault(c.kept, "0")),
	}
}

// id returns the object's id, which is the first column of every resource.
func (r *resource[T]) id(v *T) string { return *r.columns[0].at(v).(*string) }

// selectByID is the statement that reads one object by its id.
func (r *resource[T]) selectByID() string {
	return "SELECT " + r.selected + " FROM " + r.name + " WHERE id = ?"
}

// scan reads an object from a row of the columns that table.selected names.
func (r *resource[T]) scan(row scanner) (T, error) {
	var v T
	to := make([]any, 0, len(r.columns))
	for i := range r.columns {
		if r.columns[i].rule&unread == 0 {
			to = append(to, r.columns[i].at(&v))
		}
	}
	err := row.Scan(to...)
	return v, err
}

// scanListed reads an object from a row of the columns that table.listed names.
func (r *resource[T]) scanListed(row scanner) (T, error) {
	var v T
	var to []any
	for i := range r.columns {
		c := &r.columns[i]
		if c.rule&(unread|unlisted) != 0 {
			continue
		}
		to = append(to, c.at(&v))
		if c.size != nil {
			to = append(to, c.size(&v))
		}
	}
	err := row.Scan(to...)
	return v, err
}

// insert returns the statement that inserts the objects, one at least, and its arguments.
func (r *resource[T]) insert(g grammar, objects ...*T) (query string, args []any) {
	how := &r.usual
	if slices.ContainsFunc(objects, r.setsSeldom) {
		how = &r.whole
	}
	args = make([]any, 0, len(objects)*len(how.columns))
	var b strings.Builder
	b.WriteString(how.into)
	for n, v := range objects {
		if n > 0 {
			b.WriteString(", ")
		}
		if how.asks(v) {
			b.WriteString(strings.ReplaceAll(how.row, clockMark, g.now))
		} else {
			b.WriteString(how.plain)
		}
		args = how.values(args, v)
	}
	return b.String(), args
}

// setsSeldom reports whether the object sets a column that is seldom set.
func (r *resource[T]) setsSeldom(v *T) bool {
	if len(r.usual.columns) == len(r.columns) {
		return false
	}
	for i := range r.columns {
		if c := &r.columns[i]; c.rule&seldom != 0 {
			switch argument(c.at(v)) {
			case nil, "", int64(0):
			default:
				return true
			}
		}
	}
	return false
}

// asks reports whether the object asks for a time span. Most executions are written when they have
// ended and ask for none: the server then need not read the expression of the clock for each row.
func (i *insertion[T]) asks(v *T) bool {
	for n := range i.columns {
		if c := &i.columns[n]; c.asked != nil && c.asked(v) != 0 {
			return true
		}
	}
	return false
}

// values appends the arguments that insert one object: strings, whole numbers and nil.
func (i *insertion[T]) values(args []any, v *T) []any {
	asks := i.asks(v)
	for n := range i.columns {
		switch c := &i.columns[n]; {
		case c.asked != nil && asks:
			args = append(args, c.asked(v).Microseconds())
		case c.asked == nil:
			args = append(args, argument(c.at(v)))
		}
	}
	return args
}

// update returns the statement that writes what may change of the object with the id, and its
// arguments.
func (r *resource[T]) update(id string, v *T) (query string, args []any) {
	var sets []string
	for i := range r.columns {
		if c := &r.columns[i]; c.rule&insertOnly == 0 {
			sets = append(sets, c.name+" = ?")
			args = append(args, argument(c.at(v)))
		}
	}
	return "UPDATE " + r.name + " SET " + strings.Join(sets, ", ") + " WHERE id = ?", append(args, id)
}

// argument returns what a column's pointer points to as a string, an int64 or nil, which every
// driver takes as it is. The common types are told apart first, since the records of all calls come
// through here.
func argument(at any) any {
	switch p := at.(type) {
	case *string:
		return *p
	case *int64:
		return *p
	case *int:
		return int64(*p)
	case *bool:
		return flag(*p)
	case codec:
		value, _ := p.Value() // no codec of ours fails to write
		return value
	}
	return reflect.ValueOf(at).Elem().String() // the named strings: statuses, sources, protocols
}

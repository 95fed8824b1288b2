package store

import (
	"database/sql"
	"database/sql/driver"
	"strings"
)

// resource describes the table of one kind of object. Everything that names columns is derived from its list of columns: what is read,
// inserted and updated, and what lists may be filtered and sorted by. A new column is one line there and one migration.
type resource[T any] struct {
	table
	columns   []column[T]
	insertOne string // the statement that inserts one object
	row       string // what it has of placeholders for one: (?, ?, …)
}

// column is one column of a table and the part of the object that it keeps.
type column[T any] struct {
	name string
	// at returns where the column's value is in the object: a pointer to a field of a basic type, or a codec around one. It is
	// read to write the column and set to read it.
	at   func(*T) any
	kind fieldKind // whether and how lists compare the column
	as   string    // the name by which clients filter and sort; "" for the column's own
	rule columnRule
}

// columnRule says which statements leave a column out.
type columnRule uint8

const (
	// insertOnly columns keep what the INSERT wrote: resource.update leaves them alone. Some never change; others have statements of their own.
	insertOnly columnRule = 1 << iota
	// unread columns are not selected with the object, because they are large and seldom asked for.
	unread
)

// codec is a value that the database keeps in another form.
type codec interface {
	sql.Scanner
	driver.Valuer
}

// newResource returns a resource whose columns are read in their order. public is the condition of rows that every project sees; "" for none.
func newResource[T any](name, noun, public string, columns []column[T]) resource[T] {
	r := resource[T]{table: table{name: name, noun: noun, public: public, fields: map[string]field{}}, columns: columns}
	var all, read []string
	for _, c := range columns {
		all = append(all, c.name)
		if c.rule&unread == 0 {
			read = append(read, c.name)
		}
		if c.kind != notCompared {
			r.fields[orDefault(c.as, c.name)] = field{column: c.name, kind: c.kind}
		}
	}
	r.selected = strings.Join(read, ", ")
	r.row = "(" + marks(len(all)) + ")"
	r.insertOne = "INSERT INTO " + name + " (" + strings.Join(all, ", ") + ") VALUES " + r.row
	return r
}

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

// insert returns the statement that inserts the objects, one at least, and its arguments.
func (r *resource[T]) insert(objects ...*T) (query string, args []any) {
	args = make([]any, 0, len(objects)*len(r.columns))
	for _, v := range objects {
		for i := range r.columns {
			args = append(args, argument(r.columns[i].at(v)))
		}
	}
	if len(objects) == 1 {
		return r.insertOne, args
	}
	return r.insertOne + strings.Repeat(", "+r.row, len(objects)-1), args
}

// update returns the statement that writes what may change of the object with the id, and its arguments.
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

// argument returns what a column's pointer points to, in a form that drivers take. The common types are told apart here, since the way of a
// call comes through; database/sql follows pointers to any other by reflection.
func argument(at any) any {
	switch p := at.(type) {
	case *string:
		return *p
	case *int:
		return int64(*p)
	case *int64:
		return *p
	case *bool:
		return flag(*p)
	}
	return at
}

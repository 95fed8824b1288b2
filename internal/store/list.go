package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/faas"
)

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

var _ scanner = (*sql.Rows)(nil)

// table is what a list needs to know of a resource.
type table struct {
	name, noun string
	selected   string // the columns that make an object, in their order

	fields map[string]field // what may be filtered and sorted by, under the names that clients know
	public string           // the condition of rows that every project sees; "" for none
}

type field struct {
	column string
	kind   fieldKind
}

type fieldKind int

const (
	notCompared fieldKind = iota // lists are neither filtered nor sorted by it
	text
	number  // a whole number
	boolean // true or false
	instant // a time, as the API shows it
	state   // an execution's status
	code    // an id or the like, of ASCII alone
)

// statement is SQL that grows, with its arguments.
type statement struct {
	where []string
	args  []any
}

func (s *statement) and(condition string, args ...any) {
	s.where = append(s.where, condition)
	s.args = append(s.args, args...)
}

// list reads what the scope sees and the query asks for.
func list[T any](ctx context.Context, s *Store, t *resource[T], scope faas.Scope, q faas.Query) ([]T, error) {
	var st statement
	t.inScope(&st, scope)
	for _, f := range q.Filters {
		if err := t.filter(&st, f); err != nil {
			return nil, err
		}
	}
	keys, err := t.sortKeys(q.Sort)
	if err != nil {
		return nil, err
	}
	if q.Marker != "" {
		if err := t.after(ctx, s, &st, scope, keys, q.Marker); err != nil {
			return nil, err
		}
	}
	query := "SELECT " + t.selected + " FROM " + t.name
	if len(st.where) > 0 {
		query += " WHERE " + strings.Join(st.where, " AND ")
	}
	query += " ORDER BY " + order(keys)
	if q.Limit > 0 {
		query += " LIMIT ?"
		st.args = append(st.args, q.Limit)
	}
	rows, err := s.readers.QueryContext(ctx, query, st.args...)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, t.scan)
}

func (t *table) inScope(st *statement, scope faas.Scope) {
	switch {
	case scope.All():
	case scope.ProjectID() == "":
		st.and("1 = 0") // nobody's scope sees nothing, public rows included
	case t.public != "":
		st.and("(project_id = ? OR "+t.public+")", scope.ProjectID())
	default:
		st.and("project_id = ?", scope.ProjectID())
	}
}

func (t *table) field(name, what string) (field, error) {
	f, ok := t.fields[name]
	if !ok {
		return f, faas.Errorf(faas.Invalid, "A list of %ss cannot be %s by %q; there are: %s.", t.noun, what, name,
			strings.Join(slices.Sorted(maps.Keys(t.fields)), ", "))
	}
	return f, nil
}

var comparisons = map[string]string{"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

// filter adds one condition. Names come from the table, values go as arguments: nothing that a caller sent becomes SQL.
func (t *table) filter(st *statement, f faas.Filter) error {
	col, err := t.field(f.Field, "filtered")
	if err != nil {
		return err
	}
	if f.Op == "has" {
		if col.kind != text && col.kind != code || len(f.Values) != 1 {
			return faas.Errorf(faas.Invalid, "The filter has: finds a part of a text; %s is not one.", f.Field)
		}
		if _, err := col.values(f); err != nil {
			return err
		}
		// Capitals do not matter, as in Qinling; LIKE by itself would tell them apart on one database and not on another.
		st.and("LOWER("+col.column+") LIKE LOWER(?) ESCAPE '!'", "%"+likeEscaper.Replace(f.Values[0])+"%")
		return nil
	}
	values, err := col.values(f)
	if err != nil {
		return err
	}
	sign, compares := comparisons[f.Op]
	switch {
	case f.Op == "in" || f.Op == "eq" && len(values) > 1:
		st.and(col.column+" IN ("+marks(len(values))+")", values...)
	case f.Op == "nin" || f.Op == "neq" && len(values) > 1:
		st.and(col.column+" NOT IN ("+marks(len(values))+")", values...)
	case compares && len(values) == 1:
		st.and(col.column+" "+sign+" ?", values...)
	default:
		return faas.Errorf(faas.Invalid, "There is no filter %q; there are: eq, neq, in, nin, gt, gte, lt, lte, has.", f.Op)
	}
	return nil
}

var likeEscaper = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// values returns a filter's values as the column has them.
func (f field) values(filter faas.Filter) ([]any, error) {
	var values []any
	for _, v := range filter.Values {
		value, err := f.value(v)
		if err != nil {
			return nil, faas.Errorf(faas.Invalid, "The filter on %s: %v.", filter.Field, err)
		}
		values = append(values, value)
		if f.kind == state && v == string(faas.ExecutionRunning) {
			values = append(values, string(faas.ExecutionQueued)) // to clients, what is queued runs
		}
	}
	return values, nil
}

func (f field) value(v string) (any, error) {
	switch f.kind {
	case number:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", v)
		}
		return n, nil
	case boolean:
		b, err := strconv.ParseBool(strings.ToLower(v))
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", v)
		}
		return flag(b), nil
	case instant:
		for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02"} {
			if at, err := time.Parse(layout, v); err == nil { // fractions of seconds are read without being in a layout
				return micros(at), nil
			}
		}
		return nil, fmt.Errorf("%q is not a time like 2018-05-13 06:58:13.208421", v)
	case code, state:
		if !ascii(v) { // MySQL refuses to compare such a column with another script
			return nil, fmt.Errorf("%q is none", v)
		}
	case text:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("%q is not UTF-8", v)
		}
	}
	return v, nil
}

func ascii(v string) bool {
	return strings.IndexFunc(v, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// key is one column of an order.
type key struct {
	column string
	desc   bool
}

// sortKeys returns the columns of an order; the last is always the id.
func (t *table) sortKeys(asked []faas.SortKey) ([]key, error) {
	if len(asked) == 0 {
		asked = []faas.SortKey{{Field: "created_at"}}
	}
	var keys []key
	for _, a := range asked {
		f, err := t.field(a.Field, "sorted")
		if err != nil {
			return nil, err
		}
		keys = append(keys, key{f.column, a.Desc})
	}
	return append(keys, key{"id", asked[0].Desc}), nil
}

func order(keys []key) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.column
		if k.desc {
			parts[i] += " DESC"
		}
	}
	return strings.Join(parts, ", ")
}

// after keeps the rows that come after the marker's in the order: a, b, id after x, y, z is
// a > x OR (a = x AND b > y) OR (a = x AND b = y AND id > z).
func (t *table) after(ctx context.Context, s *Store, st *statement, scope faas.Scope, keys []key, marker string) error {
	columns := make([]string, len(keys))
	at, to := make([]any, len(keys)), make([]any, len(keys))
	for i, k := range keys {
		columns[i], to[i] = k.column, &at[i]
	}
	if !ascii(marker) {
		return unknownMarker(marker, t.noun)
	}
	var find statement
	t.inScope(&find, scope)
	find.and("id = ?", marker)
	query := "SELECT " + strings.Join(columns, ", ") + " FROM " + t.name + " WHERE " + strings.Join(find.where, " AND ")
	err := s.readers.QueryRowContext(ctx, query, find.args...).Scan(to...)
	if errors.Is(err, sql.ErrNoRows) {
		return unknownMarker(marker, t.noun)
	}
	if err != nil {
		return unavailable(err)
	}
	var alternatives []string
	var args []any
	for i, k := range keys {
		sign := ">"
		if k.desc {
			sign = "<"
		}
		var same []string
		for j := range i {
			same = append(same, columns[j]+" = ?")
			args = append(args, at[j])
		}
		alternatives = append(alternatives, "("+strings.Join(append(same, k.column+" "+sign+" ?"), " AND ")+")")
		args = append(args, at[i])
	}
	// Said again without an OR, the first column's bound lets an index begin at the marker instead of at the first row.
	bound := ">="
	if keys[0].desc {
		bound = "<="
	}
	st.and(columns[0]+" "+bound+" ?", at[0])
	st.and("("+strings.Join(alternatives, " OR ")+")", args...)
	return nil
}

func unknownMarker(marker, noun string) error {
	return faas.Errorf(faas.Invalid, "The marker %q is the id of no %s that you can see.", marker, noun)
}

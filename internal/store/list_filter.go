package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/faas"
)

// What the filters of a list may be at most.
const (
	maxFilters     = 16
	maxValues      = 1000 // of all filters together
	maxValueLength = 4096 // bytes; no column that is compared holds more
)

type field struct {
	column string
	kind   fieldKind
	index  fieldIndex
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

// fieldIndex is which comparisons an index answers.
type fieldIndex int

const (
	noIndex      fieldIndex = iota
	indexOfValue            // equality with one value
	indexOfRange            // one value, in any comparison but neq
	indexOfEach             // equality with any of several values
)

// answers reports whether the index finds the rows of a filter without comparing others.
func (x fieldIndex) answers(f faas.Filter) bool {
	switch f.Op {
	case "eq":
		return x != noIndex && (len(f.Values) == 1 || x == indexOfEach)
	case "in":
		return x == indexOfEach
	case "gt", "gte", "lt", "lte":
		return x == indexOfRange
	}
	return false
}

func (t *table) field(name, what string) (field, error) {
	f, ok := t.fields[name]
	if !ok {
		return f, faas.Errorf(faas.Invalid, "A list of %s cannot be %s by %q; the possible fields are %s.", plural(t.noun), what, name,
			strings.Join(slices.Sorted(maps.Keys(t.fields)), ", "))
	}
	return f, nil
}

// filter adds the conditions of the filters.
func (l *listing) filter(filters []faas.Filter) error {
	if len(filters) > maxFilters {
		return faas.Errorf(faas.Invalid, "A list of %s can have at most %d filters; it has %d.", plural(l.noun), maxFilters,
			len(filters))
	}
	values := 0
	for _, f := range filters {
		if values += len(f.Values); values > maxValues {
			return faas.Errorf(faas.Invalid, "The filters of a list can have at most %d values together; these have more.",
				maxValues)
		}
		for _, v := range f.Values {
			if len(v) > maxValueLength {
				return faas.Errorf(faas.Invalid,
					"The filter on %s has a value of %d bytes; at most %d are allowed.", f.Field, len(v), maxValueLength)
			}
		}
		col, err := l.field(f.Field, "filtered")
		if err != nil {
			return err
		}
		st := &l.found
		if !col.index.answers(f) && !l.index.finds(col, f) {
			st = &l.compared
			l.window.filters = append(l.window.filters, f.Field)
		}
		if err := col.compare(st, f); err != nil {
			return err
		}
	}
	return nil
}

var comparisons = map[string]string{"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

// compare adds one condition. Names come from the table, values go as arguments: nothing that a
// caller sent becomes SQL.
func (f field) compare(st *statement, filter faas.Filter) error {
	if filter.Op == "has" && (f.kind != text && f.kind != code || len(filter.Values) != 1) {
		return faas.Errorf(faas.Invalid, "The operator has: finds a part of a text, but %s is not a text.", filter.Field)
	}
	values, err := f.values(filter)
	if err != nil {
		return err
	}
	sign, compares := comparisons[filter.Op]
	switch {
	case filter.Op == "has":
		// Capitals do not matter, as in Qinling; LIKE by itself would tell them apart on one
		// database and not on another.
		st.and("LOWER("+f.column+") LIKE LOWER(?) ESCAPE '!'", "%"+likeEscaper.Replace(filter.Values[0])+"%")
	case filter.Op == "in" || filter.Op == "eq" && len(values) > 1:
		st.and(f.column+" IN ("+marks(len(values))+")", values...)
	case filter.Op == "nin" || filter.Op == "neq" && len(values) > 1:
		st.and(f.column+" NOT IN ("+marks(len(values))+")", values...)
	case compares && len(values) == 1:
		st.and(f.column+" "+sign+" ?", values...)
	default:
		return faas.Errorf(faas.Invalid,
			"There is no filter operator %q; the operators are eq, neq, in, nin, gt, gte, lt, lte, has.", filter.Op)
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
			return nil, fmt.Errorf("%q has letters beyond ASCII, which no value of this field has", v)
		}
	case text, notCompared:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("%q is not UTF-8", v)
		}
	}
	return v, nil
}

func ascii(v string) bool {
	return strings.IndexFunc(v, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

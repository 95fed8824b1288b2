package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// maxSortKeys is how many keys the order of a list may have. The condition that begins a page after
// a marker grows with their square.
const maxSortKeys = 4

// key is one column of an order.
type key struct {
	column string
	desc   bool
}

// sort sets the columns of the order; the last is always the id.
func (l *listing) sort(asked []faas.SortKey) error {
	if len(asked) == 0 {
		asked = []faas.SortKey{{Field: "created_at"}}
	}
	if len(asked) > maxSortKeys {
		return faas.Errorf(faas.Invalid, "A list of %s can be sorted by at most %d keys; sort_keys has %d.", plural(l.noun),
			maxSortKeys, len(asked))
	}
	seen := map[string]bool{}
	var names []string
	for _, a := range asked {
		f, err := l.field(a.Field, "sorted")
		if err != nil {
			return err
		}
		if seen[a.Field] {
			return faas.Errorf(faas.Invalid, "sort_keys has %s twice.", a.Field)
		}
		seen[a.Field] = true
		names = append(names, a.Field)
		l.keys = append(l.keys, key{f.column, a.Desc})
	}
	if len(asked) > 1 || asked[0].Field != "created_at" {
		l.window.order = names
	}
	if !seen["id"] {
		l.keys = append(l.keys, key{"id", asked[0].Desc})
	}
	return nil
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
func (l *listing) after(ctx context.Context, db *sql.DB, marker string) error {
	keys := l.keys
	columns := make([]string, len(keys))
	at, to := make([]any, len(keys)), make([]any, len(keys))
	for i, k := range keys {
		columns[i], to[i] = k.column, &at[i]
	}
	if !ascii(marker) {
		return unknownMarker(marker, l.noun)
	}
	var find statement
	l.inScope(&find, l.scope)
	find.and("id = ?", marker)
	query, findArgs := l.table.query(strings.Join(columns, ", "), &find)
	err := db.QueryRowContext(ctx, query, findArgs...).Scan(to...)
	if errors.Is(err, sql.ErrNoRows) {
		return unknownMarker(marker, l.noun)
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
	// Said again without an OR, the first column's bound lets an index begin at the marker instead
	// of at the first row.
	bound := ">="
	if keys[0].desc {
		bound = "<="
	}
	st := &l.found
	if len(l.window.order) > 0 {
		st = &l.compared // the window is of the newest rows, wherever the page begins
	}
	st.and(columns[0]+" "+bound+" ?", at[0])
	st.and("("+strings.Join(alternatives, " OR ")+")", args...)
	return nil
}

func unknownMarker(marker, noun string) error {
	return faas.Errorf(faas.Invalid, "marker must be the id of a %s that you can see; it is %q.", noun, marker)
}

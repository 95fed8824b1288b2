package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// comparedAtMost is how many rows one list compares with filters, or brings into an order, that no
// index answers. Tests lower it.
var comparedAtMost = 10_000

// window bounds the rows that a list goes through where no index finds them. There are two kinds:
//
//   - In the order of their creation, which an index has, a list compares the next rows. The page
//     after it begins where the window ends, whether or not anything was found, so that who follows
//     the pages sees everything.
//   - In another order, all rows would have to be read before the first is known. Then the list sees
//     the newest rows only.
type window struct {
	filters []string // the fields whose filters no index answers
	order   []string // the fields of an order that no index has; empty when one has it
	next    string   // where the page after this one begins at the latest; "" when the window has no end
	notice  string
}

// open finds the end of the window and has the list keep within it. It does nothing for a list that
// an index answers.
func (w *window) open(ctx context.Context, db *sql.DB, l *listing) error {
	if l.few || len(w.filters) == 0 && len(w.order) == 0 {
		return nil
	}
	keys, sign := l.keys, "<"
	if len(w.order) > 0 {
		keys = newestFirst
	}
	if keys[0].desc {
		sign = ">"
	}
	query, args := l.query("id, created_at", &l.found)
	query += " ORDER BY " + order(keys) + " LIMIT 1 OFFSET " + strconv.Itoa(comparedAtMost-1)
	var id string
	var createdAt int64
	err := db.QueryRowContext(ctx, query, args...).Scan(&id, &createdAt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // there are not so many
	}
	if err != nil {
		return unavailable(err)
	}
	l.found.and("created_at "+sign+"= ? AND (created_at "+sign+" ? OR id "+sign+"= ?)", createdAt, createdAt, id)
	if len(w.order) == 0 {
		w.next = id
	}
	w.notice = w.explain(l.noun)
	return nil
}

var newestFirst = []key{{"created_at", true}, {"id", true}}

// explain says what the list leaves out.
func (w *window) explain(noun string) string {
	n := strconv.Itoa(comparedAtMost)
	if len(w.order) > 0 {
		return "There is no index for the order by " + strings.Join(w.order,
			", ") + ", so only the newest " + n + " " + noun +
			"s were considered. Filter by created_at to see others."
	}
	slices.Sort(w.filters)
	return "There is no index for the filter by " + strings.Join(slices.Compact(w.filters),
		", ") + ", so only the next " + n + " " + noun +
		"s were considered. The next page continues after them."
}

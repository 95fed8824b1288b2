package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// A list is bounded in each direction, whatever a client asks for:
//
//   - in what it carries: texts that may be of any length are cut in the database (column.size);
//   - in what it examines: rows that no index finds are compared one by one, of a window of them (list_window.go);
//   - in its statement: there are few filters and sort keys (list_filter.go, list_order.go);
//   - in its time: the database ends a statement of the connections that serve lists (pools.go).

const (
	// listTime bounds a list: the wait for a connection and its statements.
	listTime = 15 * time.Second
	// cutAbove is the length in bytes above which a list cuts a text whose column has a size.
	cutAbove = 4 << 10
	// cutTo is what it leaves of such a text, in characters.
	cutTo = 64
)

// Page is a part of a list.
type Page[T any] struct {
	Items []T
	// Next is the marker of the next page; "" when there is none. A page with fewer items than its
	// limit, or none, may have a next one.
	Next string
	// Notice is for people: which objects were not considered, and why. "" when all were.
	Notice string
}

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

var _ scanner = (*sql.Rows)(nil)

// table is what a list needs to know of a resource.
type table struct {
	name, noun string
	selected   string // the columns that make an object, in their order
	listed     string // the same as a list has them: cut, and with the sizes of what may be cut
	few        bool   // there are never so many rows that an index matters

	fields  map[string]field // what may be filtered and sorted by, under the names that clients know
	indexes []listIndex      // what lists are read by on servers; none: what the database finds best
	public  string           // the condition of rows that every project sees; "" for none
}

// statement is SQL that grows, with its arguments.
type statement struct {
	where []string
	args  []any
}

func (s *statement) and(condition string, args ...any) {
	s.where = append(s.where, condition)
	s.args = append(s.args, args...)
}

// query returns SELECT what FROM the table WHERE all of the conditions.
func (t *table) query(what string, conditions ...*statement) (query string, args []any) {
	return selection(what, t.name, conditions)
}

// query is that of the list's rows, read by its index.
func (l *listing) query(what string, conditions ...*statement) (text string, args []any) {
	return selection(what, l.from, conditions)
}

func selection(what, from string, conditions []*statement) (query string, args []any) {
	var where []string
	for _, c := range conditions {
		where = append(where, c.where...)
		args = append(args, c.args...)
	}
	query = "SELECT " + what + " FROM " + from
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return query, args
}

// listing is a list that was asked for, in SQL.
type listing struct {
	*table
	index    listIndex
	from     string // the table, and the index that it is read by
	scope    faas.Scope
	found    statement // conditions that an index answers, as far as the order lets it
	compared statement // conditions that rows are compared with one by one
	keys     []key
	window   window
}

// list reads what the scope sees and the query asks for.
func list[T any](ctx context.Context, s *core, t *resource[T], scope faas.Scope, q faas.Query) (Page[T], error) {
	l, err := t.listing(scope, q)
	if err != nil {
		return Page[T]{}, err
	}
	l.from = s.dialect.grammar().forced(t.name, l.index.name)
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	page, err := readPage(ctx, s, t, l, q)
	if err != nil {
		return Page[T]{}, s.slowList(t.noun, err)
	}
	return page, nil
}

func readPage[T any](ctx context.Context, s *core, t *resource[T], l *listing, q faas.Query) (page Page[T],
	err error) {
	if q.Marker != "" {
		if err := l.after(ctx, s.lists, q.Marker); err != nil {
			return page, err
		}
	}
	if err := l.window.open(ctx, s.lists, l); err != nil {
		return page, err
	}
	query, args := l.query(t.listed, &l.found, &l.compared)
	query += " ORDER BY " + order(l.keys)
	if q.Limit > 0 {
		query += " LIMIT ?"
		args = append(args, q.Limit+1) // one more reports whether there is a next page
	}
	rows, err := s.lists.QueryContext(ctx, query, args...)
	if err != nil {
		return page, unavailable(err)
	}
	if page.Items, err = scanAll(rows, t.scanListed); err != nil {
		return page, err
	}
	page.Next, page.Notice = l.window.next, l.window.notice
	if q.Limit > 0 && len(page.Items) > q.Limit {
		page.Items = page.Items[:q.Limit]
		page.Next = t.id(&page.Items[q.Limit-1])
	}
	return page, nil
}

// listing checks the query and turns it into SQL, but for its marker.
func (t *table) listing(scope faas.Scope, q faas.Query) (*listing, error) {
	l := &listing{table: t, index: t.indexFor(scope, q.Filters), from: t.name, scope: scope}
	t.inScope(&l.found, scope)
	if err := l.filter(q.Filters); err != nil {
		return nil, err
	}
	return l, l.sort(q.Sort)
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

// slowListPause is when whoever was refused a list may try again.
const slowListPause = 5 * time.Second

// slowList says what to do when a list took too long; other errors stay as they are.
func (s *core) slowList(noun string, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) && !s.dialect.tookTooLong(err) {
		return err
	}
	e := faas.Errorf(
		faas.Unavailable,
		"The database takes too long over this list of %s. Ask for less with a filter on created_at, or try again later.",
		plural(noun),
	)
	e.RetryAfter = slowListPause
	return e.WithCause(fmt.Errorf("list %s: %w", plural(noun), err))
}

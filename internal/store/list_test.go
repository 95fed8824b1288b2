package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// eachDatabase runs the test on a new database of each kind.
func eachDatabase(t *testing.T, test func(*testing.T, string)) {
	t.Helper()
	for database, url := range map[string]string{"SQLite": newURL(t), "MariaDB": migrated(t)} {
		t.Run(database, func(t *testing.T) { test(t, url) })
	}
}

// TestListsCompareFewRows has lists whose filters and orders no index answers go through a window,
// and say so.
func TestListsCompareFewRows(t *testing.T) {
	const rows, window = 50, 20
	store.CompareAtMost(t, window)
	eachDatabase(t, func(t *testing.T, url string) {
		begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s := open(t, url, nil)
		var ids []string // in the order of a list
		described := map[string]string{}
		for n := range rows {
			x := execution()
			x.Description = map[bool]string{true: "Even", false: "odd"}[n%2 == 0]
			x.CreatedAt = begun.Add(time.Duration(n/3) * time.Second) // some at the same time
			fatal(t, s.Enqueue(t.Context(), x))
			ids = append(ids, x.ID)
			described[x.ID] = x.Description
			slices.Sort(ids[n/3*3:])
		}
		even := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return described[id] != "Even" })
		has := faas.Filter{Field: "description", Op: "has", Values: []string{"eve"}}
		nothing := faas.Filter{Field: "user_id", Op: "eq", Values: []string{"nobody"}}

		t.Run("followed to the end", func(t *testing.T) {
			for _, desc := range []bool{false, true} {
				want := slices.Clone(even)
				if desc {
					slices.Reverse(want)
				}
				q := faas.Query{Filters: []faas.Filter{has}, Limit: 7, Sort: []faas.SortKey{{Field: "created_at",
					Desc: desc}}}
				got, notices := follow(t, s, q)
				if !slices.Equal(got, want) || notices == 0 {
					t.Errorf("descending %v: got %d of %d, in another order or not all; %d notices", desc, len(got),
						len(want), notices)
				}
			}
			got, notices := follow(t, s, faas.Query{Filters: []faas.Filter{nothing}, Limit: 7})
			if len(got) != 0 || notices != rows/window {
				t.Errorf("got %v, %d notices", got, notices)
			}
		})
		t.Run("explained", func(t *testing.T) {
			page, err := s.Executions(t.Context(), project, faas.Query{Filters: []faas.Filter{has, nothing}, Limit: 7})
			if err != nil || page.Next != ids[window-1] || !strings.Contains(page.Notice,
				"the filter by description, user_id, so only the next 20 executions") {
				t.Errorf("%+v, %v", page, err)
			}
		})
		t.Run("in an order without an index", func(t *testing.T) {
			q := faas.Query{Sort: []faas.SortKey{{Field: "description"}}, Limit: 7}
			got, notices := follow(t, s, q)
			newest := slices.Clone(ids[rows-window:])
			slices.Sort(got)
			slices.Sort(newest)
			if !slices.Equal(got, newest) || notices == 0 {
				t.Errorf("got %d, of which not all are the newest; %d notices", len(got), notices)
			}
		})
		t.Run("not where an index finds them", func(t *testing.T) {
			for name, q := range map[string]faas.Query{
				"nothing asked": {Limit: 7},
				"backwards":     {Limit: 7, Sort: []faas.SortKey{{Field: "created_at", Desc: true}}},
				"a function": {Limit: 7, Filters: []faas.Filter{{Field: "function_id", Op: "eq",
					Values: []string{"f"}}}},
				"a time": {Limit: 7, Filters: []faas.Filter{{Field: "created_at", Op: "gte",
					Values: []string{"2026-01-01"}}}},
				"in a short time": {Limit: 7, Filters: []faas.Filter{has, {Field: "created_at", Op: "lt",
					Values: []string{"2026-01-01 00:00:05"}}}},
			} {
				page, err := s.Executions(t.Context(), project, q)
				if err != nil || page.Notice != "" || len(page.Items) != 7 {
					t.Errorf("%s: %d items, %q, %v", name, len(page.Items), page.Notice, err)
				}
			}
		})
	})
}

// TestListsOfAStatus has what failed found at once, after more that did not than a list compares.
func TestListsOfAStatus(t *testing.T) {
	const rows, window = 50, 20
	store.CompareAtMost(t, window)
	eachDatabase(t, func(t *testing.T, url string) {
		s := open(t, url, nil)
		var failed []string
		for n := range rows {
			x := execution()
			x.CreatedAt = time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC)
			if n < rows-5 {
				fatal(t, s.Enqueue(t.Context(), x))
			} else {
				fatal(t, s.Start(t.Context(), x))
				fatal(t, s.Finish(t.Context(), x.ID, store.Ending{Status: faas.ExecutionFailed}))
				failed = append(failed, x.ID)
			}
		}
		of := func(field, value string) faas.Filter {
			return faas.Filter{Field: field, Op: "eq", Values: []string{value}}
		}
		for name, c := range map[string]struct {
			filters []faas.Filter
			all     bool // in one page
		}{
			"failed":                {[]faas.Filter{of("status", "failed")}, true},
			"failed, of one moment": {[]faas.Filter{of("status", "failed"), of("created_at", "2026-01-01 00:00:47")}, true},
			"failed, of a function": {[]faas.Filter{of("status", "failed"), of("function_id", "f")}, false},
			"running":               {[]faas.Filter{of("status", "running")}, false},
		} {
			page, err := s.Executions(t.Context(), project, faas.Query{Limit: 7, Filters: c.filters})
			fatal(t, err)
			if all := page.Notice == "" && page.Next == ""; all != c.all {
				t.Errorf("%s: %d items, next %q, notice %q", name, len(page.Items), page.Next, page.Notice)
			}
			if name == "failed" && (len(page.Items) != len(failed) || page.Items[0].ID != failed[0]) {
				t.Errorf("%d failed, want %d in their order", len(page.Items), len(failed))
			}
		}
	})
}

// follow reads all pages and returns the ids and how many pages had a notice.
func follow(t *testing.T, s *store.Store, q faas.Query) (ids []string, notices int) {
	t.Helper()
	for pages := 0; pages == 0 || q.Marker != ""; pages++ {
		page, err := s.Executions(t.Context(), project, q)
		if err != nil || pages > 100 {
			t.Fatalf("page %d: %v", pages, err)
		}
		if len(page.Items) > q.Limit {
			t.Errorf("a page has %d items, %d were asked for", len(page.Items), q.Limit)
		}
		for _, x := range page.Items {
			ids = append(ids, x.ID)
		}
		if page.Notice != "" {
			notices++
		}
		q.Marker = page.Next
	}
	return ids, notices
}

// endless is a query that takes years on any database.
const endless = `WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 900)
	SELECT COUNT(*) FROM n a, n b, n c, n d, n e, n f WHERE a.x + b.x + c.x + d.x + e.x + f.x > 5`

// TestListsKeepNothingWaiting has sixteen lists that do not end. Calls and health have connections
// of their own.
func TestListsKeepNothingWaiting(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		s := open(t, url, nil)
		f := newFunction(t, s)
		x := enqueue(t, s, 1)[0]
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var lists sync.WaitGroup
		for range 16 {
			lists.Go(func() { _, _ = s.AsList(ctx, endless) })
		}
		for err := error(nil); err == nil; { // until the lists have all connections that lists may have
			late, end := context.WithTimeout(ctx, 100*time.Millisecond)
			_, err = s.AsList(late, "SELECT 1")
			end()
		}
		for what, do := range map[string]func() error{
			"health":      func() error { return s.Ping(ctx) },
			"a function":  func() error { _, err := s.Function(ctx, project, f.ID); return err },
			"a target":    func() error { _, err := s.Target(ctx, faas.Key{FunctionID: f.ID}); return err },
			"a runtime":   func() error { _, err := s.Runtime(ctx, project, f.RuntimeID); return err },
			"an outcome":  func() error { _, err := s.Execution(ctx, project, x); return err },
			"quotas":      func() error { _, err := s.Quotas(ctx, "p"); return err },
			"maintenance": func() error { _, err := s.PackagesReferenced(ctx); return err },
		} {
			if err := do(); err != nil {
				t.Errorf("%s waits for lists: %v", what, err)
			}
		}
		if ctx.Err() != nil {
			t.Error("all of it waited for the lists")
		}
		cancel()
		lists.Wait()
	})
}

// TestTheDatabaseEndsSlowLists has a statement end that nobody ends.
func TestTheDatabaseEndsSlowLists(t *testing.T) {
	store.EndListsAfter(t, 100*time.Millisecond)
	s := open(t, migrated(t), nil)
	for _, query := range []string{endless, "SELECT SLEEP(3600)"} {
		if tooLong, err := s.AsList(t.Context(), query); !tooLong {
			t.Errorf("%s: %v", query, err)
		}
	}
	if page, err := s.Executions(t.Context(), project, faas.Query{Limit: 1}); err != nil {
		t.Errorf("a list after them: %+v, %v", page, err)
	}
}

// TestSQLiteEndsWithItsContext has a statement end when its caller leaves.
func TestSQLiteEndsWithItsContext(t *testing.T) {
	s := open(t, newURL(t), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() { _, err := s.AsList(ctx, endless); ended <- err }()
	select {
	case err := <-ended:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
}

// TestLongListsOfFilters has the SQL of a list stay small.
func TestLongListsOfFilters(t *testing.T) {
	s := open(t, newURL(t), nil)
	for keys, kind := range map[int]faas.Kind{4: "", 5: faas.Invalid, 4000: faas.Invalid} {
		var sort []faas.SortKey
		for _, field := range slices.Repeat([]string{"name", "cpu", "entry", "timeout", "count"}, keys)[:keys] {
			sort = append(sort, faas.SortKey{Field: field})
		}
		if _, err := s.Functions(t.Context(), project, faas.Query{Sort: sort}); faas.KindOf(err) != kind {
			t.Errorf("%d keys: %v", keys, err)
		}
	}
	_, err := s.Functions(t.Context(), project, faas.Query{Sort: []faas.SortKey{{Field: "id"}, {Field: "id",
		Desc: true}}})
	if want := "sort_keys has id twice."; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func filters(t *testing.T, f *fixture) {
	r := f.runtime(t, "ours", false)
	for _, name := range []string{"apple", "apricot", "50%_off", "pear"} {
		f.function(t, "ours", r.ID, name)
		f.pass(time.Second)
	}
	noon := "2026-01-02 03:04:06.678901" // when the second was made
	for _, c := range []struct {
		field, op string
		values    []string
		want      string
	}{
		{"name", "eq", []string{"apple"}, "apple"}, {"name", "neq", []string{"apple"}, "apricot 50%_off pear"},
		{"name", "in", []string{"apple", "pear"}, "apple pear"}, {"name", "nin", []string{"apple", "pear"}, "apricot 50%_off"},
		{"name", "has", []string{"ap"}, "apple apricot"}, {"name", "has", []string{"PRI"}, "apricot"}, {"name", "has", []string{"%"}, "50%_off"}, {"name", "has", []string{"_"}, "50%_off"},
		{"name", "eq", []string{"' OR 1=1 --"}, ""}, {"cpu", "gte", []string{"100"}, "apple apricot 50%_off pear"}, {"cpu", "gt", []string{"100"}, ""},
		{"created_at", "gt", []string{noon}, "50%_off pear"}, {"created_at", "lte", []string{noon}, "apple apricot"},
		{"created_at", "lt", []string{"2026-01-02T03:04:06.678901Z"}, "apple"}, {"name", "gt", []string{"apricot"}, "pear"},
		{"name", "eq", []string{"Apple"}, ""}, {"name", "eq", []string{"\u00e4pple \U0001F34E"}, ""}, {"id", "has", []string{"no such"}, ""},
	} {
		got, err := f.Functions(
			t.Context(), ours, faas.Query{Filters: []faas.Filter{{Field: c.field, Op: c.op, Values: c.values}}},
		)
		if err != nil || names(got.Items) != c.want {
			t.Errorf("%s %s %v: %q, %v; want %q", c.field, c.op, c.values, names(got.Items), err, c.want)
		}
	}
}

func names(functions []faas.Function) string {
	var all []string
	for _, f := range functions {
		all = append(all, f.Name)
	}
	return strings.Join(all, " ")
}

func badQueries(t *testing.T, f *fixture) {
	for _, q := range []faas.Query{
		{Filters: []faas.Filter{{Field: "secret", Op: "eq", Values: []string{"x"}}}},
		{Filters: []faas.Filter{{Field: "name; DROP TABLE functions", Op: "eq", Values: []string{"x"}}}},
		{Filters: []faas.Filter{{Field: "name", Op: "like", Values: []string{"x"}}}},
		{Filters: []faas.Filter{{Field: "cpu", Op: "eq", Values: []string{"many"}}}},
		{Filters: []faas.Filter{{Field: "cpu", Op: "has", Values: []string{"1"}}}},
		{Filters: []faas.Filter{{Field: "created_at", Op: "gt", Values: []string{"yesterday"}}}},
		{Sort: []faas.SortKey{{Field: "secret"}}}, {Marker: "no such id"}, {Marker: faas.NewID()}, {Marker: "\u00e4"}, {Marker: "\xff"},
		{Filters: []faas.Filter{{Field: "name", Op: "eq", Values: []string{"\xff"}}}},
		{Filters: []faas.Filter{{Field: "name", Op: "has", Values: []string{"\xff"}}}},
		{Filters: []faas.Filter{{Field: "id", Op: "eq", Values: []string{"\u00e4"}}}},
		{Filters: []faas.Filter{{Field: "runtime_id", Op: "has", Values: []string{"\u00e4"}}}},
		{Filters: slices.Repeat([]faas.Filter{{Field: "name", Op: "neq", Values: []string{"x"}}}, 17)},
		{Filters: []faas.Filter{{Field: "name", Op: "in", Values: slices.Repeat([]string{"x"}, 1001)}}},
		{Filters: slices.Repeat([]faas.Filter{{Field: "name", Op: "nin", Values: slices.Repeat([]string{"x"}, 600)}}, 2)},
		{Filters: []faas.Filter{{Field: "name", Op: "has", Values: []string{strings.Repeat("x", 4097)}}}},
		{Sort: []faas.SortKey{{Field: "name"}, {Field: "cpu"}, {Field: "name", Desc: true}}},
		{Sort: []faas.SortKey{{Field: "name"}, {Field: "cpu"}, {Field: "entry"}, {Field: "timeout"}, {Field: "count"}}},
	} {
		_, err := f.Functions(t.Context(), ours, q)
		is(t, err, faas.Invalid)
	}
}

// pages reads in pages while rows share their sort keys, and while rows come and go.
func pages(t *testing.T, f *fixture) {
	r := f.runtime(t, "ours", false)
	for i := range 10 {
		f.function(t, "ours", r.ID, fmt.Sprintf("f%d", i%3)) // one time for all, few names
	}
	for _, sort := range [][]faas.SortKey{nil, {{Field: "name"}}, {{Field: "name", Desc: true}, {Field: "created_at"}}} {
		seen := map[string]bool{}
		q := faas.Query{Sort: sort, Limit: 3}
		for pages := 0; pages == 0 || q.Marker != ""; pages++ {
			page, err := f.Functions(t.Context(), ours, q)
			must(t, err)
			if len(page.Items) == 0 || page.Notice != "" {
				t.Errorf("sorted by %v: page %d: %+v", sort, pages, page)
			}
			for _, fn := range page.Items {
				if seen[fn.ID] {
					t.Errorf("sorted by %v: %s came twice", sort, fn.ID)
				}
				seen[fn.ID] = true
			}
			q.Marker = page.Next
		}
		if len(seen) != 10 {
			t.Errorf("sorted by %v: %d of 10 came", sort, len(seen))
		}
	}
	sorted, err := f.Functions(t.Context(), ours, faas.Query{Sort: []faas.SortKey{{Field: "name", Desc: true}}})
	if got := strings.Fields(names(sorted.Items)); err != nil ||
		!slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("sorted: %v, %v", got, err)
	}
}

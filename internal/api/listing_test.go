package api

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestParseListing(t *testing.T) {
	const marker = "5b1e2b1c-9d0f-4f6e-8c55-0f2f4c6a4f11"
	for _, c := range []struct {
		query string
		want  listing
	}{
		{"", listing{query: faas.Query{Limit: 100}}},
		{"limit=5&marker=" + strings.ToUpper(marker), listing{query: faas.Query{Limit: 5, Marker: marker}}},
		{"limit=5000", listing{query: faas.Query{Limit: 100}}},
		{"name=a", listing{query: faas.Query{Limit: 100, Filters: []faas.Filter{{Field: "name", Op: "eq", Values: []string{"a"}}}}}},
		{"name=neq:a:b", listing{query: faas.Query{Limit: 100, Filters: []faas.Filter{{Field: "name", Op: "neq", Values: []string{"a:b"}}}}}},
		{"name=in:a,b", listing{query: faas.Query{Limit: 100, Filters: []faas.Filter{{Field: "name", Op: "in", Values: []string{"a", "b"}}}}}},
		{"created_at=2018-05-13+06:58:13", listing{query: faas.Query{Limit: 100, Filters: []faas.Filter{{Field: "created_at", Op: "eq", Values: []string{"2018-05-13 06:58:13"}}}}}},
		{"all_projects=True", listing{query: faas.Query{Limit: 100}, allProjects: true}},
		{"project_id=p", listing{query: faas.Query{Limit: 100}, projectID: "p"}},
		{"project_id=neq:p", listing{query: faas.Query{Limit: 100, Filters: []faas.Filter{{Field: "project_id", Op: "neq", Values: []string{"p"}}}}}},
		{"sort_keys=name,created_at&sort_dirs=desc", listing{query: faas.Query{Limit: 100, Sort: []faas.SortKey{{Field: "name", Desc: true}, {Field: "created_at"}}}}},
		{"sort_keys=name&sort_keys=id&sort_dirs=asc&sort_dirs=desc", listing{query: faas.Query{Limit: 100, Sort: []faas.SortKey{{Field: "name"}, {Field: "id", Desc: true}}}}},
	} {
		values, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseListing(values, 100)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v %v, want %+v", c.query, got, err, c.want)
		}
	}
}

func TestFiltersAreBounded(t *testing.T) {
	for n, want := range map[int]faas.Kind{maxValues: "", maxValues + 1: faas.Invalid} {
		_, err := parseListing(url.Values{"name": {"in:" + strings.Repeat("a,", n-1) + "a"}}, 100)
		if faas.KindOf(err) != want {
			t.Errorf("%d values: %v", n, err)
		}
	}
}

func FuzzParseListing(f *testing.F) {
	for _, seed := range []string{"limit=1&name=in:a,b", "sort_keys=a,b&sort_dirs=asc", "all_projects=1", "marker=x", "a=b;c=d", "project_id=a&project_id=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		l, err := parseListing(values, 100)
		if err != nil {
			if faas.KindOf(err) != faas.Invalid {
				t.Errorf("%q: %v", query, err)
			}
			return
		}
		if l.query.Limit < 1 || l.query.Limit > 100 {
			t.Errorf("%q: limit %d", query, l.query.Limit)
		}
		for _, filter := range l.query.Filters {
			if len(filter.Values) == 0 || filter.Op == "" {
				t.Errorf("%q: %+v", query, filter)
			}
		}
	})
}

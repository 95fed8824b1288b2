package list

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestParseListing(t *testing.T) {
	const marker = "5b1e2b1c-9d0f-4f6e-8c55-0f2f4c6a4f11"
	filtered := func(field, op string, values ...string) Listing {
		return Listing{Query: faas.Query{Limit: 100, Filters: []faas.Filter{{Field: field, Op: op, Values: values}}}}
	}
	sorted := func(by ...faas.SortKey) Listing { return Listing{Query: faas.Query{Limit: 100, Sort: by}} }
	for _, c := range []struct {
		query string
		want  Listing
	}{
		{"", Listing{Query: faas.Query{Limit: 100}}},
		{"limit=5&marker=" + strings.ToUpper(marker), Listing{Query: faas.Query{Limit: 5, Marker: marker}}},
		{"limit=5000", Listing{Query: faas.Query{Limit: 100}}},
		{"name=a", filtered("name", "eq", "a")},
		{"name=neq:a:b", filtered("name", "neq", "a:b")},
		{"name=in:a,b", filtered("name", "in", "a", "b")},
		{"created_at=2018-05-13+06:58:13", filtered("created_at", "eq", "2018-05-13 06:58:13")},
		{"all_projects=True", Listing{Query: faas.Query{Limit: 100}, AllProjects: true}},
		{"project_id=p", Listing{Query: faas.Query{Limit: 100}, ProjectID: "p"}},
		{"project_id=neq:p", filtered("project_id", "neq", "p")},
		{"sort_keys=name,created_at&sort_dirs=desc",
			sorted(faas.SortKey{Field: "name", Desc: true}, faas.SortKey{Field: "created_at"})},
		{"sort_keys=name&sort_keys=id&sort_dirs=asc&sort_dirs=desc",
			sorted(faas.SortKey{Field: "name"}, faas.SortKey{Field: "id", Desc: true})},
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
	for _, seed := range []string{
		"limit=1&name=in:a,b", "sort_keys=a,b&sort_dirs=asc", "all_projects=1", "marker=x", "a=b;c=d",
		"project_id=a&project_id=b",
	} {
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
		if l.Query.Limit < 1 || l.Query.Limit > 100 {
			t.Errorf("%q: limit %d", query, l.Query.Limit)
		}
		for _, filter := range l.Query.Filters {
			if len(filter.Values) == 0 || filter.Op == "" {
				t.Errorf("%q: %+v", query, filter)
			}
		}
	})
}

package store

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestWhatIsOfATriggerHasAnIndex has the database say how it finds a trigger's executions, as lists
// ask for them, and its oldest dead letter: by an index, and without sorting.
func TestWhatIsOfATriggerHasAnIndex(t *testing.T) {
	ctx := t.Context()
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	if err := Migrate(ctx, url); err != nil {
		t.Fatal(err)
	}
	s, err := Open(ctx, url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := executions.listing(faas.OneProject("p"), faas.Query{
		Filters: []faas.Filter{{Field: "trigger_id", Op: "eq", Values: []string{faas.NewID()}}},
		Sort:    []faas.SortKey{{Field: "created_at", Desc: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(l.compared.where) != 0 {
		t.Errorf("rows are compared one by one: %v", l.compared.where)
	}
	query, args := executions.query("id", &l.found)
	for index, q := range map[string]struct {
		query string
		args  []any
	}{
		"executions_of_trigger":   {query + " ORDER BY " + order(l.keys), args},
		"dead_letters_of_trigger": {oldestLetter, []any{faas.NewID()}},
	} {
		rows, err := s.readers.QueryContext(ctx, "EXPLAIN QUERY PLAN "+q.query, q.args...)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := scanAll(rows, func(row scanner) (step string, err error) {
			var id, parent, unused int
			return step, row.Scan(&id, &parent, &unused, &step)
		})
		text := strings.Join(plan, "; ")
		if err != nil || !strings.Contains(text, "INDEX "+index) || strings.Contains(text, "TEMP B-TREE") {
			t.Errorf("%s: %s, %v", q.query, text, err)
		}
	}
}

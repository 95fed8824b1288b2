package store

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestNamesHaveAnIndex has the database say how it finds names: by an index, and without sorting.
func TestNamesHaveAnIndex(t *testing.T) {
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
	for _, kind := range []named{functionNames, jobNames, runtimeNames} {
		rows, err := s.readers.QueryContext(ctx, "EXPLAIN QUERY PLAN "+kind.query, "p", "n", faas.MaxNamed)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := scanAll(rows, func(row scanner) (step string, err error) {
			var id, parent, unused int
			return step, row.Scan(&id, &parent, &unused, &step)
		})
		text := strings.Join(plan, "; ")
		if err != nil || !strings.Contains(text, "INDEX "+kind.noun+"s_by_name") || strings.Contains(text, "TEMP B-TREE") {
			t.Errorf("%s: %s, %v", kind.noun, text, err)
		}
	}
}

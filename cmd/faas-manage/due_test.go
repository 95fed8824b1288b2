package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

// TestDue lists work that is dead beside some that waits, and has both done again.
func TestDue(t *testing.T) {
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.AddDue(t.Context(), "a-kind", "waits", time.Hour))
	must(s.AddDue(t.Context(), "a-kind", "dies", 0))
	shard := s.Shards().Of("dies")
	owned, err := s.TakeShard(t.Context(), shard, "an engine")
	must(err)
	items, err := s.DueItems(t.Context(), store.DueQuery{Shards: []int{shard}, Room: map[string]int{"a-kind": 1}})
	must(err)
	taken, err := s.TakeDue(t.Context(), owned, items, func(string) time.Duration { return time.Hour })
	if err != nil || len(taken) != 1 {
		t.Fatal(taken, err)
	}
	must(s.DueDead(t.Context(), taken[0], "Keystone\nrefuses"))
	must(s.Close())
	manage := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), args, []string{"FAAS_DATABASE_CONNECTION=" + url}, &out)
		return out.String(), err
	}
	if out, err := manage("due", "dead"); err != nil || strings.Count(out, "\n") != 2 ||
		!strings.Contains(out, "dies") || !strings.Contains(out, "Keystone refuses") {
		t.Errorf("due dead: %q, %v", out, err)
	}
	if out, err := manage("due", "retry", "a-kind", "*"); err != nil || out != "2 items of work are due now\n" {
		t.Errorf("due retry: %q, %v", out, err)
	}
	if out, err := manage("due", "dead"); err != nil || strings.Contains(out, "dies") {
		t.Errorf("due dead after due retry: %q, %v", out, err)
	}
	for _, args := range [][]string{{"due", "retry"}, {"due", "retry", "a-kind", "two"}, {"due", "dead", "now"}} {
		if out, err := manage(args...); err == nil {
			t.Errorf("%q: %q", args, out)
		}
	}
}

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

// aged makes a database with executions that ended that many days ago, and one that runs.
func aged(t *testing.T, days ...int) (url string) {
	t.Helper()
	url = "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	now := time.Now()
	s, err := store.Open(t.Context(), url, store.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	start := func(begin time.Time) faas.Execution {
		x := faas.Execution{
			ID: faas.NewID(), ProjectID: "p", FunctionID: faas.NewID(), Status: faas.ExecutionRunning, Sync: true,
			CreatedAt: begin, StartedAt: begin, Lease: time.Hour, Owner: "test",
		}
		if err := s.Start(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, d := range days {
		x := start(now.AddDate(0, 0, -d).Add(-time.Minute))
		if err := s.Finish(t.Context(), x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}", EndedAt: x.StartedAt}); err != nil {
			t.Fatal(err)
		}
	}
	start(now.AddDate(0, 0, -365))
	return url
}

func TestPurge(t *testing.T) {
	url := aged(t, 1, 10, 10, 11, 40)
	for _, step := range []struct{ args, want string }{
		{"db purge --age 10 --dry-run", "4 executions ended before "},
		{"db purge --age 10 --dry-run", "4 executions ended before "}, // nothing was purged
		{"db purge --age 30", "1 executions that ended before "},
		{"db purge --age=10 --batch=2", "3 executions that ended before "},
		{"db purge --age 10", "0 executions that ended before "},
		{"db purge --age 0 --dry-run", "1 executions ended before "}, // not the one that runs
	} {
		var out bytes.Buffer
		if err := run(t.Context(), strings.Fields(step.args), []string{"FAAS_DATABASE_CONNECTION=" + url}, &out); err != nil {
			t.Fatalf("%s: %v", step.args, err)
		}
		if !strings.HasPrefix(out.String(), step.want) {
			t.Errorf("%s: %s, want %s", step.args, out.String(), step.want)
		}
	}
}

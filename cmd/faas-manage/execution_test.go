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

// TestExecutions has executions that are queued, that run and whose process is lost: the tool says
// why they have not ended, does nothing unless it is told to, and does not take what a living engine
// holds.
func TestExecutions(t *testing.T) {
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{})
	must(err)
	t.Cleanup(func() { must(s.Close()) })
	queue := func() string {
		x := faas.Execution{
			ID: faas.NewID(), ProjectID: "p", FunctionID: faas.NewID(), CreatedAt: time.Now().Add(-time.Hour),
		}
		must(s.Enqueue(t.Context(), x))
		return x.ID
	}
	claim := func(id, owner string, lease time.Duration) {
		_, won, err := s.Claim(t.Context(), id, owner, lease)
		if must(err); !won {
			t.Fatalf("%s has not claimed %s", owner, id)
		}
	}
	waits, asleep, runs, lost, wrong := queue(), queue(), queue(), queue(), queue()
	must(s.WithdrawDue(t.Context(), store.LostMessage, asleep))
	claim(runs, "alive", time.Hour)
	claim(lost, "dead", -time.Minute)
	manage := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), args, []string{"FAAS_DATABASE_CONNECTION=" + url}, &out)
		return out.String(), err
	}
	status := func(id string) faas.ExecutionStatus {
		x, err := s.Execution(t.Context(), faas.AnyProject(), id)
		must(err)
		return x.Status
	}
	out, err := manage("execution", "stuck")
	must(err)
	for id, why := range map[string]string{
		waits: "no engine lives; it waits for an engine", asleep: "nothing sends its message again",
		runs: "it runs at alive", lost: "dead is lost, and no engine has settled it",
	} {
		if i := strings.Index(out, id); i < 0 || !strings.Contains(strings.SplitN(out[i:], "\n", 2)[0], why) {
			t.Errorf("%s: want %q in\n%s", id, why, out)
		}
	}
	out, err = manage("execution", "stuck", "--after", "2h")
	if err != nil || !strings.Contains(out, "\n0 executions") {
		t.Errorf("younger ones are stuck: %s, %v", out, err)
	}

	if out, err := manage("execution", "requeue", lost); err != nil || status(lost) != faas.ExecutionRunning ||
		!strings.Contains(out, "ONCE MORE") || !strings.Contains(out, "Nothing was done") {
		t.Errorf("without --yes: %s, %v", out, err)
	}
	for _, id := range []string{lost, asleep, waits} {
		if out, err := manage("execution", "requeue", id, "--yes"); err != nil || status(id) != faas.ExecutionQueued {
			t.Errorf("requeue %s: %s, %v", id, out, err)
		}
		items, err := s.DueItems(t.Context(), store.DueQuery{
			Shards: []int{s.Shards().Of(id)}, Room: map[string]int{store.LostMessage: 100},
		})
		if err != nil || !strings.Contains(refs(items), id) {
			t.Errorf("%s is not woken: %s, %v", id, refs(items), err)
		}
	}
	if out, err := manage("execution", "requeue", runs, "--yes"); faas.KindOf(err) != faas.Conflict ||
		status(runs) != faas.ExecutionRunning {
		t.Errorf("what a living engine holds was requeued: %s, %v", out, err)
	}
	// The lost one comes back when another engine has the execution: what it says is refused.
	claim(lost, "another", time.Hour)
	err = s.Finish(t.Context(), lost, store.Ending{Status: faas.ExecutionSuccess, Result: "{}", Owner: "dead"})
	if faas.KindOf(err) != faas.Conflict || status(lost) != faas.ExecutionRunning {
		t.Errorf("the process that was lost has ended it: %v", err)
	}

	out, err = manage("execution", "settle", "--status", "error", runs)
	if err != nil || status(runs) != faas.ExecutionRunning || !strings.Contains(out, "alive runs it") {
		t.Errorf("without --yes: %s, %v", out, err)
	}
	out, err = manage("execution", "settle", wrong, "--status", "failed", "--output", "no", "--yes")
	if err != nil || status(wrong) != faas.ExecutionFailed {
		t.Errorf("settle: %s, %v", out, err)
	}
	x, err := s.Execution(t.Context(), faas.AnyProject(), wrong)
	must(err)
	story, err := s.Story(t.Context(), x)
	if err != nil || len(story) != 3 || story[1].Kind != faas.StorySettled || story[1].Process != process {
		t.Errorf("its story is %+v, %v", story, err)
	}
	for _, args := range [][]string{
		{"requeue", wrong, "--yes"}, {"requeue"}, {"requeue", "no-id"}, {"requeue", faas.NewID()},
		{"settle", wrong, "--status", "error", "--yes"}, {"settle", runs, "--yes"},
		{"settle", runs, "--status", "running"}, {"stuck", "now"},
	} {
		if out, err := manage(append([]string{"execution"}, args...)...); err == nil {
			t.Errorf("%q: %s", args, out)
		}
	}
}

func refs(items []store.DueItem) string {
	var all []string
	for _, i := range items {
		all = append(all, i.Ref)
	}
	return strings.Join(all, " ")
}

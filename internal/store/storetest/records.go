package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// recordOverhead is what a record counts besides its texts.
const recordOverhead = 512

// recordUsage has what the records of executions take be counted: at once by the process that
// writes them, and for all others when it is closed at the latest.
func recordUsage(t *testing.T, f *fixture) {
	ctx := t.Context()
	uses := func(s *store.Store, project string, queued, bytes int64) {
		t.Helper()
		got, err := s.RecordUsage(ctx, project)
		if err != nil || got[faas.ResourceQueued] != queued || got[faas.ResourceRecords] != bytes {
			t.Errorf("%s has %v, %v; want %d queued, %d bytes", project, got, err, queued, bytes)
		}
	}
	uses(f.Store, "ours", 0, 0)
	var ids []string
	for range 3 {
		x := execution("ours", "f")
		x.Input = strings.Repeat("i", 1000)
		must(t, f.Enqueue(ctx, x))
		ids = append(ids, x.ID)
	}
	const each = recordOverhead + 1000
	uses(f.Store, "ours", 3, 3*each)
	uses(f.Store, "theirs", 0, 0)
	for _, id := range ids[:2] {
		_, _, err := f.Claim(ctx, id, "engine", time.Minute)
		must(t, err)
	}
	_, err := f.Release(ctx, ids[1], "engine")
	must(t, err)
	must(t, f.Finish(ctx, ids[0], store.Ending{Status: faas.ExecutionSuccess, Result: "123", Log: "45",
		ProjectID: "ours"}))
	uses(f.Store, "ours", 2, 3*each+5)

	called := execution("ours", "g") // whose start and ending are one row
	called.Input, called.Lease = "", time.Minute
	must(t, f.Start(ctx, called))
	must(t, f.Finish(ctx, called.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "123", Log: "45",
		ProjectID: "ours"}))
	uses(f.Store, "ours", 2, 3*each+5+recordOverhead+5)
	again := f.reopen()
	uses(again, "ours", 2, 3*each+5+recordOverhead+5)
	if n, err := again.RepairRecordUsage(ctx); err != nil || n != 0 {
		t.Errorf("%d right counts were corrected, %v", n, err)
	}

	must(t, again.DeleteExecution(ctx, ours, called.ID))
	uses(again, "ours", 2, 3*each+5)
	lost := execution("ours", "g")
	lost.Input, lost.Lease = "", over
	must(t, again.Start(ctx, lost))
	settled, err := again.SettleExpired(ctx, 10, nil)
	if err != nil || len(settled) != 1 {
		t.Fatalf("settled %v, %v", settled, err)
	}
	uses(again, "ours", 2, 3*each+5+recordOverhead+int64(len(settled[0].Result)))
	f.pass(time.Hour)
	if n, err := again.PurgeExecutions(ctx, f.now(), 10); err != nil || n != 2 {
		t.Errorf("purged %d, %v", n, err)
	}
	uses(again, "ours", 2, 2*each)
}

// purgeOfAFunction deletes what one function has left behind, in steps.
func purgeOfAFunction(t *testing.T, f *fixture) {
	ctx := t.Context()
	of := func(project, function string, ended bool) string {
		x := execution(project, function)
		must(t, f.Enqueue(ctx, x))
		if ended {
			_, _, err := f.Claim(ctx, x.ID, "engine", time.Minute)
			must(t, err)
			must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, ProjectID: project}))
		}
		f.pass(time.Second)
		return x.ID
	}
	function := faas.NewID()
	var old []string
	for range 5 {
		old = append(old, of("ours", function, true))
	}
	kept := []string{of("ours", function, false), of("theirs", function, true), of("ours", faas.NewID(), true)}
	for step, want := range []int{3, 2, 0} {
		n, err := f.PurgeExecutionsOf(ctx, ours, function, 3)
		if err != nil || n != want {
			t.Errorf("deleted %d, want %d, %v", n, want, err)
		}
		for i, id := range old {
			_, err := f.Execution(ctx, all, id)
			if gone := i < 3 || step > 0; gone != (faas.KindOf(err) == faas.NotFound) {
				t.Errorf("after step %d the execution %d is there: %v", step, i, err)
			}
		}
	}
	for _, id := range kept {
		if _, err := f.Execution(ctx, all, id); err != nil {
			t.Errorf("deleted, though of another project or function, or not ended: %v", err)
		}
	}
	if n, err := f.PurgeExecutionsOf(ctx, all, function, 3); err != nil || n != 1 {
		t.Errorf("of all projects: deleted %d, %v", n, err)
	}
	if n, err := f.PurgeExecutionsOf(ctx, faas.Scope{}, function, 3); err != nil || n != 0 {
		t.Errorf("of nobody: deleted %d, %v", n, err)
	}
}

package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// runningLogs has what an execution has printed so far become its log when its process is lost, and
// be forgotten when it is not.
func runningLogs(t *testing.T, f *fixture) {
	ctx := t.Context()
	long := strings.Repeat("ü", 8<<10)
	read := func(id, want string) {
		t.Helper()
		if text, err := f.ExecutionLog(ctx, ours, id); err != nil || text != want {
			t.Errorf("the log is %.40q…, %d bytes, %v; want %d", text, len(text), err, len(want))
		}
	}
	begin := func(lease time.Duration) faas.Execution {
		t.Helper()
		x := execution("ours", "f")
		must(t, f.Enqueue(ctx, x))
		_, _, err := f.Claim(ctx, x.ID, "engine", lease)
		must(t, err)
		return x
	}
	lost, longest, silent, ended := begin(over), begin(over), begin(over), begin(time.Hour)
	queued := execution("ours", "f")
	must(t, f.Enqueue(ctx, queued))
	must(t, f.KeepLog(ctx, queued.ID, "nothing of it runs"))
	read(queued.ID, "")
	must(t, f.KeepLog(ctx, faas.NewID(), "there is none"))
	must(t, f.KeepLog(ctx, lost.ID, "one \xff"))
	read(lost.ID, "one \uFFFD")
	is(t, second(f.ExecutionLog(ctx, theirs, lost.ID)), faas.NotFound)
	must(t, f.KeepLog(ctx, lost.ID, "one two"))
	must(t, f.KeepLog(ctx, longest.ID, long))
	must(t, f.KeepLog(ctx, ended.ID, "so far"))
	must(t, f.Finish(ctx, ended.ID, store.Ending{
		Status: faas.ExecutionSuccess, Result: "{}", Log: "all", ProjectID: "ours",
	}))
	must(t, f.KeepLog(ctx, ended.ID, "late"))
	read(ended.ID, "all")
	must(t, f.DropLog(ctx, ended.ID))
	settled, err := f.SettleExpired(ctx, 10, nil)
	if err != nil || len(settled) != 3 {
		t.Fatalf("settled are %d, %v", len(settled), err)
	}
	for id, want := range map[string]string{lost.ID: "one two", longest.ID: long, silent.ID: ""} {
		read(id, want)
		is(t, f.Finish(ctx, id, store.Ending{Status: faas.ExecutionSuccess, Log: "later"}), faas.Conflict)
		must(t, f.KeepLog(ctx, id, "later"))
		read(id, want)
	}
	left := begin(time.Hour)
	must(t, f.KeepLog(ctx, left.ID, "of a process that died"))
	for age, want := range map[time.Duration]int{time.Hour: 0, -time.Second: 1} {
		if n, err := f.PurgeLogs(ctx, age, 10); err != nil || n != want {
			t.Errorf("older than %s: %d are forgotten, %v; want %d", age, n, err, want)
		}
	}
	read(left.ID, "")
	again := f.reopen()
	if n, err := again.RepairRecordUsage(ctx); err != nil || n != 0 {
		t.Errorf("%d right counts were corrected, %v", n, err)
	}
}

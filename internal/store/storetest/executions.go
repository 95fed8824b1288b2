package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

func synchronous(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")
	for _, held := range []bool{true, false} { // the start joined with its ending, and written before
		x := execution("ours", fn.ID)
		x.Sync, x.Lease = true, time.Minute
		must(t, f.Start(ctx, x))
		if !held {
			_, err := f.SettleExpired(ctx, 10, nil) // has all starts written, and settles none
			must(t, err)
		}
		f.pass(time.Second)
		must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}", Log: "printed \xff"}))
		got, err := f.Execution(ctx, ours, x.ID)
		if err != nil || got.Status != faas.ExecutionSuccess || got.Result != "{}" || got.Input != x.Input ||
			got.Attempts != 1 ||
			!got.Sync ||
			!got.LeaseUntil.IsZero() ||
			got.EndedAt.Sub(got.StartedAt) != time.Second {
			t.Errorf("got %+v, %v", got, err)
		}
		if log, err := f.ExecutionLog(ctx, ours, x.ID); err != nil || log != "printed \uFFFD" {
			t.Errorf("log %q, %v", log, err)
		}
		is(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionFailed}), faas.Conflict)
		must(t, f.DeleteExecution(ctx, ours, x.ID))
		is(t, f.DeleteExecution(ctx, ours, x.ID), faas.NotFound)
	}
	is(t, f.Finish(ctx, faas.NewID(), store.Ending{Status: faas.ExecutionFailed}), faas.NotFound)
	if got, _ := f.reopen().Function(ctx, ours, fn.ID); got.Count != 2 { // counts are written now and then, and at the end
		t.Errorf("the function counts %d calls, want 2", got.Count)
	}
}

func asynchronous(t *testing.T, f *fixture) {
	ctx := t.Context()
	x := execution("ours", "f")
	must(t, f.Enqueue(ctx, x))
	is(t, f.Enqueue(ctx, x), faas.Conflict)
	is(t, f.DeleteExecution(ctx, ours, x.ID), faas.Conflict)
	is(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess}), faas.Conflict) // nobody runs it
	running, err := f.Executions(
		ctx, ours, faas.Query{Filters: []faas.Filter{{Field: "status", Op: "eq", Values: []string{"running"}}}},
	)
	if err != nil || len(running.Items) != 1 {
		t.Errorf("to clients a queued execution runs: %v, %v", running, err)
	}
	got, won, err := f.Claim(ctx, x.ID, "engine", time.Minute)
	if err != nil || !won || got.Status != faas.ExecutionRunning || got.Owner != "engine" || got.Attempts != 1 ||
		got.Input != x.Input {
		t.Errorf("claimed %+v, %v, %v", got, won, err)
	}
	must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionFailed, Result: "{}"}))
	_, won, err = f.Claim(ctx, x.ID, "another", time.Minute)
	if err != nil || won {
		t.Errorf("an ended execution was claimed: %v", err)
	}
}

// failsAlone hands in many operations at once, so that they share transactions, of which some
// cannot work.
func failsAlone(t *testing.T, f *fixture) {
	ctx := t.Context()
	twice := execution("ours", "f")
	must(t, f.Enqueue(ctx, twice))
	var good, bad atomic.Int32
	var group sync.WaitGroup
	for n := range 200 {
		group.Go(func() {
			x := twice
			if n%2 == 0 {
				x = execution("ours", "f")
			}
			switch err := f.Enqueue(ctx, x); {
			case err == nil:
				good.Add(1)
			case faas.KindOf(err) == faas.Conflict:
				bad.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	rows, err := f.Executions(ctx, ours, faas.Query{})
	if err != nil || good.Load() != 100 || bad.Load() != 100 || len(rows.Items) != 101 {
		t.Errorf("%d worked, %d did not, %d rows, %v", good.Load(), bad.Load(), len(rows.Items), err)
	}
}

func purge(t *testing.T, f *fixture) {
	ctx := t.Context()
	queued := execution("ours", "f")
	must(t, f.Enqueue(ctx, queued))
	for range 5 {
		x := execution("ours", "f")
		x.Lease = time.Minute
		must(t, f.Start(ctx, x))
		must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess}))
	}
	f.pass(time.Hour)
	if n, err := f.PurgeableExecutions(ctx, f.now()); err != nil || n != 5 {
		t.Errorf("%d can be purged, %v", n, err)
	}
	for _, want := range []int{3, 2, 0} {
		n, err := f.PurgeExecutions(ctx, f.now(), 3)
		if err != nil || n != want {
			t.Errorf("purged %d, want %d, %v", n, want, err)
		}
	}
	if _, err := f.Execution(ctx, ours, queued.ID); err != nil {
		t.Errorf("what has not ended is kept: %v", err)
	}
}

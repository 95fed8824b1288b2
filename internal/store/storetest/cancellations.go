package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

var cancelled = store.Cancellation{Output: faas.OutputCancelled}

// cancels ends an execution that is queued and one that runs.
func cancels(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")
	queued, running := execution("ours", fn.ID), execution("ours", faas.NewID())
	for _, x := range []faas.Execution{queued, running} {
		must(t, f.Enqueue(ctx, x))
	}
	_, _, err := f.Claim(ctx, running.ID, "engine", time.Minute)
	must(t, err)
	f.pass(1500 * time.Millisecond)

	var elsewhere *faas.Elsewhere
	if _, err := f.Cancel(ctx, theirs, queued.ID, cancelled); faas.KindOf(err) != faas.NotFound || !errors.As(err, &elsewhere) {
		t.Errorf("another project's execution: %v", err)
	}
	_, err = f.Cancel(ctx, ours, faas.NewID(), cancelled)
	is(t, err, faas.NotFound)
	for _, c := range []struct {
		x      faas.Execution
		name   string // of its function, "" when that is gone
		took   time.Duration
		result string
	}{
		{queued, "f", 0, `{"duration":0,"output":"The execution was cancelled."}`},
		{running, "", 1500 * time.Millisecond, `{"duration":1.5,"output":"The execution was cancelled."}`},
	} {
		told := event("the end of " + c.x.ID)
		got, err := f.Cancel(ctx, ours, c.x.ID, store.Cancellation{
			Output: faas.OutputCancelled,
			Events: func(of faas.Function, x faas.Execution, took time.Duration) []store.Event {
				if of.Name != c.name || x.ID != c.x.ID || x.Status != faas.ExecutionCancelled || took != c.took {
					t.Errorf("told of %+v of %+v, which took %s", x, of, took)
				}
				return []store.Event{told}
			},
		})
		if err != nil || got.Result != c.result || got.EndedAt != f.now().Truncate(time.Microsecond) ||
			got.StartedAt.IsZero() != (c.took == 0) || got.Status != faas.ExecutionCancelled {
			t.Fatalf("got %+v, %v", got, err)
		}
		read, err := f.Execution(ctx, ours, c.x.ID)
		if err != nil || read != got {
			t.Errorf("read %+v, %v; want %+v", read, err, got)
		}
		kept(t, f.Store, told)
		must(t, f.DropEvents(ctx, []store.Event{told}))
		_, err = f.Cancel(ctx, ours, c.x.ID, cancelled)
		is(t, err, faas.Conflict)
	}
	if refs := dueRefs(t, f, store.LostMessage, time.Hour); len(refs) != 0 {
		t.Errorf("the messages of %v are to be sent again", refs)
	}
	page, err := f.Executions(ctx, ours, faas.Query{
		Filters: []faas.Filter{{Field: "status", Op: "eq", Values: []string{"cancelled"}}},
	})
	if err != nil || len(page.Items) != 2 {
		t.Errorf("listed %v, %v", page, err)
	}
	must(t, f.DeleteExecution(ctx, ours, queued.ID))
}

// cancelledStay has executions that were cancelled stay so, whatever their owners do, and gives back
// what they took.
func cancelledStay(t *testing.T, f *fixture) {
	ctx := t.Context()
	queued, running, held := execution("ours", "f"), execution("ours", "f"), execution("ours", "f")
	for _, x := range []faas.Execution{queued, running} {
		must(t, f.Enqueue(ctx, x))
	}
	_, _, err := f.Claim(ctx, running.ID, "engine", over)
	must(t, err)
	held.Sync, held.Lease, held.Owner = true, over, "api"
	must(t, f.Start(ctx, held)) // may be held back for its end
	for _, x := range []faas.Execution{queued, running, held} {
		_, err := f.Cancel(ctx, ours, x.ID, cancelled)
		must(t, err)
	}
	if _, won, err := f.Claim(ctx, queued.ID, "engine", time.Minute); won || err != nil {
		t.Errorf("a cancelled execution was claimed: %v", err)
	}
	if ok, err := f.Release(ctx, running.ID, "engine"); ok || err != nil {
		t.Errorf("a cancelled execution was given back: %v", err)
	}
	if lost, err := f.RenewLeases(ctx, "engine", []string{running.ID}, time.Minute); err != nil || len(lost) != 1 {
		t.Errorf("not renewed: %v, %v", lost, err)
	}
	if settled, err := f.SettleExpired(ctx, 10, nil); err != nil || len(settled) != 0 {
		t.Errorf("settled %v, %v", settled, err)
	}
	for owner, x := range map[string]faas.Execution{"engine": running, "api": held} {
		is(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}", Log: "all"}), faas.Conflict)
		logs := []struct{ owner, log, kept string }{
			{"another", "theirs", ""}, {owner, "", ""}, {owner, "so far \xff", "so far \uFFFD"}, {owner, "again", "so far \uFFFD"},
		}
		for _, l := range logs {
			got, err := f.EndedBefore(ctx, x.ID, l.owner, l.log)
			if err != nil || got.Status != faas.ExecutionCancelled {
				t.Errorf("ended as %+v, %v", got, err)
			}
			if text, err := f.ExecutionLog(ctx, ours, x.ID); err != nil || text != l.kept {
				t.Errorf("the log is %q, %v; want %q", text, err, l.kept)
			}
		}
	}
	_, err = f.EndedBefore(ctx, faas.NewID(), "engine", "log")
	is(t, err, faas.NotFound)
	got, err := f.RecordUsage(ctx, "ours")
	if err != nil || got[faas.ResourceQueued] != 0 {
		t.Errorf("used %v, %v", got, err)
	}
	if n, err := f.reopen().RepairRecordUsage(ctx); err != nil || n != 0 {
		t.Errorf("%d right counts were corrected, %v", n, err)
	}
}

// oneEndWins has executions claimed, ended and cancelled by several at once.
func oneEndWins(t *testing.T, f *fixture) {
	var group sync.WaitGroup
	for range 20 {
		x := execution("ours", "f")
		must(t, f.Enqueue(t.Context(), x))
		group.Go(func() { raceOf(t, f, x.ID) })
	}
	group.Wait()
	if refs := dueRefs(t, f, store.LostMessage, time.Hour); len(refs) != 0 {
		t.Errorf("the messages of %v are to be sent again", refs)
	}
	if n, err := f.reopen().RepairRecordUsage(t.Context()); err != nil || n != 0 {
		t.Errorf("%d right counts were corrected, %v", n, err)
	}
}

func raceOf(t *testing.T, f *fixture, id string) {
	ctx := context.WithoutCancel(t.Context())
	var ends, claims atomic.Int32
	var group sync.WaitGroup
	count := func(n *atomic.Int32, err error) {
		if kind := faas.KindOf(err); kind != "" && kind != faas.Conflict {
			t.Error(err)
		} else if kind == "" {
			n.Add(1)
		}
	}
	for n := range 3 {
		group.Go(func() {
			_, won, err := f.Claim(ctx, id, fmt.Sprint("engine ", n), time.Minute)
			if err != nil {
				t.Error(err)
			}
			if won {
				claims.Add(1)
				count(&ends, f.Finish(ctx, id, store.Ending{Status: faas.ExecutionSuccess, Result: "{}", ProjectID: "ours"}))
			}
		})
		group.Go(func() {
			_, err := f.Cancel(ctx, ours, id, cancelled)
			count(&ends, err)
		})
	}
	group.Wait()
	got, err := f.Execution(ctx, ours, id)
	if err != nil || ends.Load() != 1 || claims.Load() > 1 || !got.Status.Ended() ||
		got.StartedAt.IsZero() != (claims.Load() == 0) {
		t.Errorf("%d ends after %d claims: %+v, %v", ends.Load(), claims.Load(), got, err)
	}
}

package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

func oneClaimWins(t *testing.T, f *fixture) {
	x := execution("ours", "f")
	must(t, f.Enqueue(t.Context(), x))
	var wins atomic.Int32
	var group sync.WaitGroup
	for n := range 100 {
		group.Go(func() {
			_, won, err := f.Claim(t.Context(), x.ID, fmt.Sprint("engine ", n), time.Minute)
			if err != nil {
				t.Error(err)
			}
			if won {
				wins.Add(1)
			}
		})
	}
	group.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d won", wins.Load())
	}
}

// over is a lease that has ended before it began: the database's clock goes its own way.
const over = -time.Second

func leases(t *testing.T, f *fixture) {
	ctx := t.Context()
	kept, lost, held := execution("ours", "f"), execution("ours", "f"), execution("ours", "f")
	for _, x := range []faas.Execution{kept, lost} {
		must(t, f.Enqueue(ctx, x))
		_, _, err := f.Claim(ctx, x.ID, "engine", over)
		must(t, err)
	}
	held.Lease = over
	must(t, f.Start(ctx, held)) // its process dies before its end; repair must see it though it may be held back
	gone, err := f.RenewLeases(ctx, "engine", []string{kept.ID, held.ID}, time.Minute)
	if err != nil || len(gone) != 1 || gone[0] != held.ID { // the third has another owner
		t.Errorf("renewed, but not %v, %v", gone, err)
	}
	settled, err := f.SettleExpired(ctx, 10, nil)
	if err != nil || len(settled) != 2 {
		t.Fatalf("settled %v, %v", settled, err)
	}
	for _, x := range []faas.Execution{lost, held} {
		got, err := f.Execution(ctx, ours, x.ID)
		if err != nil || got.Status != faas.ExecutionError || !strings.Contains(got.Result, "may have run") {
			t.Errorf("settled: %+v, %v", got, err)
		}
		var result map[string]any // nobody knows how long it ran; clients read the member all the same
		must(t, json.Unmarshal([]byte(got.Result), &result))
		if took, there := result["duration"]; !there || took != nil {
			t.Errorf("settled with %s", got.Result)
		}
		is(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess}), faas.Conflict)
	}
	must(t, f.Finish(ctx, kept.ID, store.Ending{Status: faas.ExecutionSuccess}))
}

func releases(t *testing.T, f *fixture) {
	ctx := t.Context()
	x := execution("ours", "f")
	must(t, f.Enqueue(ctx, x))
	queued, err := f.Execution(ctx, ours, x.ID)
	must(t, err)
	for range 2 {
		f.pass(time.Second)
		claimed, won, err := f.Claim(ctx, x.ID, "engine", time.Minute)
		if err != nil || !won || claimed.Attempts != 1 {
			t.Fatalf("claimed %+v, %v, %v", claimed, won, err)
		}
		if ok, err := f.Release(ctx, x.ID, "another"); ok || err != nil {
			t.Errorf("released by one who does not own it: %v, %v", ok, err)
		}
		if ok, err := f.Release(ctx, x.ID, "engine"); !ok || err != nil {
			t.Errorf("not released: %v, %v", ok, err)
		}
		got, err := f.Execution(ctx, ours, x.ID)
		must(t, err)
		if again := got.LeaseUntil.Sub(queued.LeaseUntil); again < 0 || again > time.Minute {
			t.Errorf("its message is taken for lost %s later than before", again)
		}
		queued.UpdatedAt, queued.LeaseUntil = f.now(), got.LeaseUntil
		if got != queued {
			t.Errorf("got %+v, want %+v", got, queued)
		}
	}
	if ok, err := f.Release(ctx, x.ID, "engine"); ok || err != nil {
		t.Errorf("released twice: %v, %v", ok, err)
	}
}

// lostMessages has an item of due work for each execution for as long as that is queued.
func lostMessages(t *testing.T, f *fixture) {
	ctx := t.Context()
	due := func(within time.Duration, want ...string) {
		t.Helper()
		refs := dueRefs(t, f, store.LostMessage, within)
		slices.Sort(refs) // those of one moment come in any order
		slices.Sort(want)
		if !slices.Equal(refs, want) {
			t.Errorf("due within %s are %q, want %q", within, refs, want)
		}
	}
	one, two := execution("ours", "f"), execution("ours", "f")
	must(t, f.Enqueue(ctx, one))
	must(t, f.Enqueue(ctx, two))
	is(t, f.Enqueue(ctx, one), faas.Conflict)
	due(0)
	due(store.WakeAfter+time.Second, one.ID, two.ID)
	for _, want := range []bool{true, false} {
		if _, won, err := f.Claim(ctx, one.ID, "engine", time.Hour); err != nil || won != want {
			t.Errorf("claimed: %v, %v", won, err)
		}
		due(time.Hour, two.ID)
	}
	for _, want := range []bool{true, false} { // that it is released once more, and is not the owner's, changes nothing
		if released, err := f.Release(ctx, one.ID, "engine"); err != nil || released != want {
			t.Errorf("released: %v, %v", released, err)
		}
		due(0)
		due(store.WakeAfter+time.Second, two.ID, one.ID)
	}
	sync := execution("ours", "f")
	sync.Sync, sync.Lease = true, time.Minute
	must(t, f.Start(ctx, sync))
	must(t, f.Finish(ctx, sync.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}"}))
	due(time.Hour, two.ID, one.ID)
}

package storetest

import (
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// openExecutions finds what has not ended, has it run again where nobody runs it, and refuses what
// the process that was lost still wants to say.
func openExecutions(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")
	queued, lost, held := execution("ours", fn.ID), execution("ours", faas.NewID()), execution("ours", fn.ID)
	for _, x := range []faas.Execution{queued, lost, held} {
		must(t, f.Enqueue(ctx, x))
	}
	must(t, f.WithdrawDue(ctx, store.LostMessage, queued.ID))
	for id, lease := range map[string]time.Duration{lost.ID: over, held.ID: time.Hour} {
		_, _, err := f.Claim(ctx, id, "dead", lease)
		must(t, err)
	}
	must(t, f.Tell(ctx, held.ID, faas.StoryEvent{Kind: faas.StoryPutOff, At: f.now(), Detail: "once"}))
	f.pass(time.Minute)
	young := execution("ours", fn.ID)
	young.CreatedAt = f.now()
	must(t, f.Enqueue(ctx, young))
	open, err := f.OpenExecutions(ctx, f.now(), 10)
	if err != nil || len(open) != 3 {
		t.Fatalf("open are %+v, %v", open, err)
	}
	for i, want := range []struct {
		id          string
		gone, wakes bool
		last        faas.StoryKind
	}{{lost.ID, true, false, ""}, {held.ID, false, false, faas.StoryPutOff}, {queued.ID, false, false, ""}} {
		o := open[i]
		if o.Execution.ID != want.id || o.FunctionGone != want.gone || o.Wakes != want.wakes || o.Last.Kind != want.last {
			t.Errorf("%d: %+v, want %+v", i, o, want)
		}
	}
	if open[0].LeaseLeft >= 0 || open[1].LeaseLeft < 50*time.Minute || open[1].Timeout != fn.Timeout {
		t.Errorf("leases: %+v, %+v", open[0], open[1])
	}

	must(t, f.Requeue(ctx, lost.ID, "tool", "by me"))
	must(t, f.Requeue(ctx, queued.ID, "tool", "by me"))
	is(t, f.Requeue(ctx, held.ID, "tool", "by me"), faas.Conflict)
	if refs := dueRefs(t, f, store.LostMessage, 0); len(refs) != 2 {
		t.Errorf("woken are %v", refs)
	}
	_, won, err := f.Claim(ctx, lost.ID, "another", time.Hour)
	if must(t, err); !won {
		t.Fatal("what was requeued cannot be claimed")
	}
	ending := store.Ending{Status: faas.ExecutionSuccess, Result: "{}", Owner: "dead"}
	is(t, f.Finish(ctx, lost.ID, ending), faas.Conflict)
	ending.Owner = "another"
	must(t, f.Finish(ctx, lost.ID, ending))
	is(t, f.Requeue(ctx, lost.ID, "tool", "by me"), faas.Conflict)
	_, err = f.OpenExecution(ctx, lost.ID)
	is(t, err, faas.Conflict)
	if o, err := f.OpenExecution(ctx, queued.ID); err != nil || !o.Wakes || o.Last.Kind != faas.StoryRequeued {
		t.Errorf("the queued one: %+v, %v", o, err)
	}
	x, err := f.Cancel(ctx, ours, held.ID, store.Cancellation{Status: faas.ExecutionFailed, Output: "no"})
	if err != nil || x.Status != faas.ExecutionFailed {
		t.Errorf("settled as %+v, %v", x, err)
	}
	is(t, f.Finish(ctx, held.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}", Owner: "dead"}), faas.Conflict)
}

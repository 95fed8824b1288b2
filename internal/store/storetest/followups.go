package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// followed queues an execution of ours that something follows.
func (f *fixture) followed(t *testing.T) faas.Execution {
	t.Helper()
	x := execution("ours", faas.NewID())
	x.TriggerID, x.FollowUp = f.hook(t), true
	must(t, f.Enqueue(t.Context(), x))
	return x
}

// hook makes a trigger of ours and returns its id.
func (f *fixture) hook(t *testing.T) string {
	t.Helper()
	fn := f.function(t, "ours", f.runtime(t, "ours", true).ID, "f")
	return f.trigger(t, fn.ID, faas.TriggerWebhook, "").ID
}

func (f *fixture) claimed(t *testing.T, id string, lease time.Duration) {
	t.Helper()
	if _, won, err := f.Claim(t.Context(), id, "engine", lease); err != nil || !won {
		t.Fatalf("claimed: %v, %v", won, err)
	}
}

// followUps are there from the queueing on, and due when the execution has ended, whoever settles it.
func followUps(t *testing.T, f *fixture) {
	ctx := t.Context()
	due := func(id string, within time.Duration, want bool) {
		t.Helper()
		if _, ok := f.item(t, store.FollowUp, id, within); ok != want {
			t.Errorf("due within %v: %v, want %v", within, ok, want)
		}
	}
	plain := execution("ours", "f")
	must(t, f.Enqueue(ctx, plain))
	due(plain.ID, 24*time.Hour, false)

	ended := f.followed(t)
	got, err := f.Execution(ctx, ours, ended.ID)
	if err != nil || got.TriggerID != ended.TriggerID || !got.FollowUp {
		t.Errorf("read %+v, %v", got, err)
	}
	due(ended.ID, store.FollowUpAfter/2, false)
	due(ended.ID, store.FollowUpAfter, true)
	f.claimed(t, ended.ID, time.Minute)
	due(ended.ID, store.FollowUpAfter/2, false)
	early := f.taken(t, store.FollowUp, ended.ID) // somebody looks while it runs
	must(t, f.Finish(ctx, ended.ID, store.Ending{Status: faas.ExecutionFailed, Result: "{}", Follow: true}))
	due(ended.ID, 0, true)
	if err := f.DueAgain(ctx, early, time.Hour); !errors.Is(err, store.ErrNotInHand) {
		t.Errorf("who looked before the end puts it off: %v", err)
	}
	due(ended.ID, 0, true)

	lost := f.followed(t)
	f.claimed(t, lost.ID, -time.Minute)
	settled, err := f.SettleExpired(ctx, 10, nil)
	if err != nil || len(settled) != 1 {
		t.Errorf("settled %v, %v", settled, err)
	}
	due(lost.ID, 0, true)

	cancelled := f.followed(t)
	must(t, second(f.Cancel(ctx, ours, cancelled.ID, store.Cancellation{Output: "no"})))
	due(cancelled.ID, 24*time.Hour, false)

	must(t, f.Close())
	f.Store = f.reopen()
	due(ended.ID, 0, true)
}

// following is recorded whole and once, whoever tries to.
func following(t *testing.T, f *fixture) {
	ctx := t.Context()
	x := f.followed(t)
	f.claimed(t, x.ID, time.Minute)
	must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionFailed, Follow: true}))
	item := f.taken(t, store.FollowUp, x.ID)
	what := func() store.Following {
		retry := x
		retry.ID, retry.Status, retry.CreatedAt = faas.NewID(), faas.ExecutionQueued, f.now()
		l := letterOf(x.TriggerID, f.now())
		return store.Following{Retry: &retry, Letter: &l, Deliver: x.ID}
	}
	var wins, losses atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			switch _, err := f.Follow(ctx, item, what()); {
			case err == nil:
				wins.Add(1)
			case errors.Is(err, store.ErrNotInHand):
				losses.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if wins.Load() != 1 || losses.Load() != 7 {
		t.Errorf("%d have recorded what follows, %d were too late", wins.Load(), losses.Load())
	}
	if _, ok := f.item(t, store.FollowUp, x.ID, 24*time.Hour); ok {
		t.Error("what was settled is due again")
	}
	if _, ok := f.item(t, store.Delivery, x.ID, 0); !ok {
		t.Error("no delivery is due")
	}
	letters, err := f.DeadLetters(ctx, ours, x.TriggerID, faas.Query{})
	if err != nil || len(letters.Items) != 1 {
		t.Errorf("kept %v, %v", letters, err)
	}
	page, err := f.Executions(ctx, ours, faas.Query{Filters: []faas.Filter{
		{Field: "trigger_id", Op: "eq", Values: []string{x.TriggerID}},
	}})
	if err != nil || len(page.Items) != 2 || page.Items[1].Status != faas.ExecutionQueued || !page.Items[1].FollowUp {
		t.Errorf("there are %+v, %v", page.Items, err)
	}
	f.queued(t, 1)
	if _, ok := f.item(t, store.FollowUp, page.Items[1].ID, store.FollowUpAfter); !ok {
		t.Error("nothing follows the retry")
	}
}

// deliveries to functions are queued once.
func deliveries(t *testing.T, f *fixture) {
	ctx := t.Context()
	must(t, f.AddDue(ctx, store.Delivery, "x", 0))
	item := f.taken(t, store.Delivery, "x")
	x := execution("ours", "f")
	x.Status, x.CreatedAt = faas.ExecutionQueued, f.now()
	must(t, f.EnqueueDelivery(ctx, item, x))
	x.ID = faas.NewID()
	if err := f.EnqueueDelivery(ctx, item, x); !errors.Is(err, store.ErrNotInHand) {
		t.Errorf("queued twice: %v", err)
	}
	f.queued(t, 1)
}

func letterOf(triggerID string, at time.Time) faas.DeadLetter {
	return faas.DeadLetter{
		ID: faas.NewID(), TriggerID: triggerID, ProjectID: "ours", EventID: "e", EventSource: "/s", EventType: "t",
		Why: "why", Attempts: 3, CreatedAt: at, Input: `{"__event":{}}`,
	}
}

// letter keeps a dead letter and returns how many others have gone for it.
func (f *fixture) letter(t *testing.T, l *faas.DeadLetter) int {
	t.Helper()
	must(t, f.AddDue(t.Context(), store.FollowUp, l.ID, 0))
	dropped, err := f.Follow(t.Context(), f.taken(t, store.FollowUp, l.ID), store.Following{Letter: l})
	must(t, err)
	return dropped
}

// deadLetters are listed, deleted and replayed, each within its project and its trigger.
func deadLetters(t *testing.T, f *fixture) {
	ctx := t.Context()
	trigger := f.hook(t)
	var ids []string
	for n := range 3 {
		l := letterOf(trigger, f.now())
		l.Why = fmt.Sprint("why ", n)
		f.letter(t, &l)
		ids = append(ids, l.ID)
		f.pass(time.Second)
	}
	another := letterOf(f.hook(t), f.now())
	f.letter(t, &another)
	page, err := f.DeadLetters(ctx, ours, trigger, faas.Query{Limit: 2})
	if err != nil || len(page.Items) != 2 || page.Items[0].ID != ids[0] || page.Next != ids[1] || page.Items[1].Why != "why 1" {
		t.Errorf("the first page is %+v, %v", page, err)
	}
	page, err = f.DeadLetters(ctx, ours, trigger, faas.Query{Limit: 2, Marker: page.Next})
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != ids[2] || page.Next != "" {
		t.Errorf("the second page is %+v, %v", page, err)
	}
	if page, err = f.DeadLetters(ctx, theirs, trigger, faas.Query{}); err != nil || len(page.Items) != 0 {
		t.Errorf("another project sees %+v, %v", page, err)
	}
	oldest, err := f.OldestDeadLetters(ctx, trigger, 2)
	if err != nil || len(oldest) != 2 || oldest[0] != ids[0] || oldest[1] != ids[1] {
		t.Errorf("the oldest are %v, %v", oldest, err)
	}
	x := execution("ours", "f")
	x.Status, x.CreatedAt, x.TriggerID, x.FollowUp = faas.ExecutionQueued, f.now(), trigger, true
	for _, wrong := range []struct {
		scope   faas.Scope
		trigger string
	}{{theirs, trigger}, {ours, another.TriggerID}, {ours, faas.NewID()}} {
		is(t, second(f.DeadLetter(ctx, wrong.scope, wrong.trigger, ids[0])), faas.NotFound)
		is(t, f.DeleteDeadLetter(ctx, wrong.scope, wrong.trigger, ids[0]), faas.NotFound)
		is(t, f.Replay(ctx, wrong.scope, wrong.trigger, ids[0], x), faas.NotFound)
	}
	f.queued(t, 0)
	must(t, f.DeleteDeadLetter(ctx, ours, trigger, ids[0]))
	is(t, f.DeleteDeadLetter(ctx, ours, trigger, ids[0]), faas.NotFound)
	var wins atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		again := x
		again.ID = faas.NewID()
		group.Go(func() {
			err := f.Replay(ctx, ours, trigger, ids[1], again)
			if err == nil {
				wins.Add(1)
			} else if faas.KindOf(err) != faas.NotFound {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if wins.Load() != 1 {
		t.Errorf("replayed %d times", wins.Load())
	}
	f.queued(t, 1)
	if n, err := f.PurgeDeadLetters(ctx, f.now(), 10); err != nil || n != 1 {
		t.Errorf("purged %d, %v", n, err)
	}
	must(t, second(f.DeleteTrigger(ctx, ours, another.TriggerID)))
	if page, err = f.DeadLetters(ctx, ours, another.TriggerID, faas.Query{}); err != nil || len(page.Items) != 0 {
		t.Errorf("of a trigger that is gone there are %+v, %v", page, err)
	}
	late := letterOf(another.TriggerID, f.now())
	f.letter(t, &late)
	is(t, second(f.DeadLetter(ctx, all, late.TriggerID, late.ID)), faas.NotFound)
}

// lettersAreBounded in their number and in their bytes: the oldest go.
func lettersAreBounded(t *testing.T, f *fixture) {
	ctx := t.Context()
	trigger := f.hook(t)
	first := letterOf(trigger, f.now())
	f.letter(t, &first)
	if n := f.letter(t, &first); n != 0 {
		t.Errorf("one that is there already has %d go", n)
	}
	const most = 16 << 20
	large := strings.Repeat("x", most/4-64<<10)
	for n := range 5 {
		f.pass(time.Second)
		l := letterOf(trigger, f.now())
		l.Input = large
		if dropped, want := f.letter(t, &l), []int{0, 0, 0, 0, 2}[n]; dropped != want {
			t.Errorf("for large letter %d %d have gone, want %d", n+1, dropped, want)
		}
	}
	page, err := f.DeadLetters(ctx, ours, trigger, faas.Query{})
	if err != nil || len(page.Items) != 4 || page.Items[0].InputCut != int64(len(large)) || len(page.Items[0].Input) > 4<<10 {
		t.Errorf("%d letters are left, %v", len(page.Items), err)
	}
	many := f.hook(t)
	total := 0
	for range 1003 {
		l := letterOf(many, f.now())
		total += f.letter(t, &l)
	}
	page, err = f.DeadLetters(ctx, ours, many, faas.Query{})
	if err != nil || len(page.Items) != 1000 || total != 3 {
		t.Errorf("of 1003 letters %d are left and %d have gone, %v", len(page.Items), total, err)
	}
	lettersMakeRoom(t, f, many, page.Items)
}

// lettersMakeRoom has each way by which a letter of a trigger that has as many as it may goes make
// room for one.
func lettersMakeRoom(t *testing.T, f *fixture, trigger string, all []faas.DeadLetter) {
	t.Helper()
	ctx := t.Context()
	x := execution("ours", "f")
	x.Status, x.CreatedAt, x.TriggerID, x.FollowUp = faas.ExecutionQueued, f.now(), trigger, true
	must(t, f.DeleteDeadLetter(ctx, ours, trigger, all[500].ID))
	is(t, f.DeleteDeadLetter(ctx, ours, trigger, all[500].ID), faas.NotFound)
	must(t, f.Replay(ctx, ours, trigger, all[501].ID, x))
	is(t, f.Replay(ctx, ours, trigger, all[502].ID, x), faas.Conflict) // undoes what it has begun
	f.pass(time.Second)
	kept := func(n, want int) {
		t.Helper()
		dropped := 0
		for range n {
			l := letterOf(trigger, f.now())
			dropped += f.letter(t, &l)
		}
		if dropped != want {
			t.Errorf("for %d letters %d have gone, want %d", n, dropped, want)
		}
	}
	kept(3, 1)
	f.pass(time.Second)
	n, err := f.PurgeDeadLetters(ctx, f.now().Add(-time.Second), 2000)
	if err != nil || n < 997 {
		t.Fatalf("purged %d, %v", n, err)
	}
	kept(998, 1)
}

// refusedLetters are kept, each once, of triggers that are there.
func refusedLetters(t *testing.T, f *fixture) {
	ctx := t.Context()
	trigger := f.hook(t)
	l := letterOf(trigger, f.now())
	l.Attempts = 0
	must(t, second(f.KeepLetter(ctx, l)))
	f.pass(time.Second)
	again := l
	again.Why, again.CreatedAt = "another reason", f.now()
	must(t, second(f.KeepLetter(ctx, again)))
	page, err := f.DeadLetters(ctx, ours, trigger, faas.Query{})
	if err != nil || len(page.Items) != 1 || page.Items[0].Why != l.Why || page.Items[0].Attempts != 0 {
		t.Errorf("kept is %+v, %v", page.Items, err)
	}
	got, err := f.Trigger(ctx, ours, trigger)
	if err != nil || got.Seen.Failed != 1 || got.Seen.LastError != l.Why {
		t.Errorf("the trigger has seen %+v, %v", got.Seen, err)
	}
	l.TriggerID = faas.NewID()
	l.ID = faas.NewID()
	must(t, second(f.KeepLetter(ctx, l)))
	is(t, second(f.DeadLetter(ctx, all, l.TriggerID, l.ID)), faas.NotFound)
}

package followup

import (
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/internal/submit"
)

const project = "p"

// rig is a follower on a database, with a clock that goes on when the test says so.
type rig struct {
	*testing.T
	mu       sync.Mutex
	at       time.Time
	store    *store.Store
	quotas   *quota.Quotas
	follower *Follower
	runtime  string
	function string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, at: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	var err error
	r.store, err = store.Open(t.Context(), url, store.Options{Now: r.now})
	r.must(err)
	b := broker.NewInProcess()
	t.Cleanup(func() { r.must(errors.Join(b.Close(), r.store.Close())) })
	r.quotas = quota.New(quota.Config{
		Driver: quota.Database{Store: r.store.QuotaStore}, Defaults: faas.Amounts{faas.ResourceCalls: faas.Unlimited},
	})
	log := slog.New(slog.DiscardHandler)
	r.follower = New(Config{Store: r.store, Now: r.now, Log: log, Submit: submit.New(submit.Config{
		Executions: r.store.ExecutionLifecycle, Broker: b,
		Calls: quota.NewCalls(r.quotas, r.store.Shards(), r.now), Log: log, Now: r.now,
	})})
	rt, err := r.store.CreateRuntime(t.Context(), faas.Runtime{ProjectID: project, Image: "python3", IsPublic: true})
	r.must(err)
	r.must(r.store.SetRuntimeStatus(t.Context(), rt.ID, faas.RuntimeAvailable, ""))
	r.runtime = rt.ID
	r.function = r.newFunction(func(*faas.Function) {})
	return r
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) newFunction(change func(*faas.Function)) string {
	r.Helper()
	f := faas.Function{
		ProjectID: project, RuntimeID: r.runtime, Entry: faas.DefaultEntry,
		Code: faas.Code{Source: faas.SourcePackage, SHA256: "0"},
	}
	change(&f)
	f, err := r.store.CreateFunction(r.Context(), f, nil)
	r.must(err)
	return f.ID
}

func (r *rig) trigger(retries, delay int) faas.Trigger {
	r.Helper()
	t, err := r.store.CreateTrigger(r.Context(), faas.Trigger{
		ProjectID: project, Calls: faas.FunctionRef{FunctionID: r.function}, Source: faas.TriggerWebhook, Settings: "{}",
		Status: faas.TriggerActive, Retries: retries, RetryDelay: delay,
	}, nil)
	r.must(err)
	return t
}

// anEvent is an event of that depth and attempt.
func anEvent(depth, attempt int) event.Event {
	e := event.New()
	e.SetID("e-1")
	e.SetSource("/here")
	e.SetType("test.happened")
	_ = e.SetData("application/json", []byte(`{"big":12345678901234567890}`))
	return event.WithDepth(event.WithAttempt(e, attempt), depth)
}

func (r *rig) input(e event.Event) string {
	r.Helper()
	input, err := event.Input(e, []byte(`{"n":1}`))
	r.must(err)
	return input
}

// queue queues an execution that something follows.
func (r *rig) queue(change func(*faas.Execution)) faas.Execution {
	r.Helper()
	x := faas.Execution{
		ID: faas.NewID(), ProjectID: project, UserID: "u", FunctionID: r.function, Input: `{"n":1}`, FollowUp: true,
	}
	change(&x)
	r.must(r.store.Enqueue(r.Context(), x))
	return x
}

// end has an execution run and end.
func (r *rig) end(id string, status faas.ExecutionStatus, result string) {
	r.Helper()
	if _, won, err := r.store.Claim(r.Context(), id, "engine", time.Hour); err != nil || !won {
		r.Fatalf("claimed: %v, %v", won, err)
	}
	r.must(r.store.Finish(r.Context(), id, store.Ending{Status: status, Result: result, EndedAt: r.now(), Follow: true}))
}

// take takes the item of an execution in hand, whenever it is due.
func (r *rig) take(kind, id string) store.DueItem {
	r.Helper()
	_, err := r.store.RetryDue(r.Context(), kind, id)
	r.must(err)
	shard := r.store.Shards().Of(id)
	items, err := r.store.DueItems(r.Context(), store.DueQuery{Shards: []int{shard}, Room: map[string]int{kind: 100}})
	r.must(err)
	// Others may be due in the same shard.
	items = slices.DeleteFunc(items, func(i store.DueItem) bool { return i.Ref != id })
	o, err := r.store.TakeShard(r.Context(), shard, "engine")
	r.must(err)
	taken, err := r.store.TakeDue(r.Context(), o, items, func(string) time.Duration { return time.Hour })
	r.must(err)
	if len(taken) != 1 || taken[0].Ref != id {
		r.Fatalf("taken are %+v", taken)
	}
	return taken[0]
}

// settle records what became of an item, as the runner of due work does.
func (r *rig) settle(i store.DueItem, next duework.Next, err error) {
	r.Helper()
	switch {
	case err != nil:
		r.must(r.store.DueFailed(r.Context(), i, 0, err.Error()))
	case next == duework.Done():
		r.must(r.store.DueDone(r.Context(), i))
	case next != duework.Recorded():
		r.must(r.store.DueAgain(r.Context(), i, 0))
	}
}

// follow does what follows an execution.
func (r *rig) follow(id string) (duework.Next, error) {
	r.Helper()
	i := r.take(store.FollowUp, id)
	next, err := r.follower.Follow(r.Context(), i)
	r.settle(i, next, err)
	return next, err
}

// executions returns all that there are, the oldest first.
func (r *rig) executions() []faas.Execution {
	r.Helper()
	page, err := r.store.Executions(r.Context(), faas.AnyProject(), faas.Query{})
	r.must(err)
	return page.Items
}

func (r *rig) letters(t faas.Trigger) []faas.DeadLetter {
	r.Helper()
	page, err := r.store.DeadLetters(r.Context(), faas.OneProject(project), t.ID, faas.Query{})
	r.must(err)
	return page.Items
}

const failed = `{"duration":1,"output":"no","error":{"type":"KeyError","message":"'x'"}}`

// TestRetries has an event tried again, each time after a pause twice as long, and kept when that
// has not helped.
func TestRetries(t *testing.T) {
	r := newRig(t)
	g := r.trigger(2, 10)
	x := r.queue(func(x *faas.Execution) { x.TriggerID, x.Input = g.ID, r.input(anEvent(3, 1)) })
	if next, err := r.follow(x.ID); err != nil || next == duework.Done() || next == duework.Recorded() {
		t.Errorf("while it is queued: %+v, %v", next, err)
	}
	for n, pause := range []time.Duration{10 * time.Second, 20 * time.Second} {
		r.end(x.ID, faas.ExecutionFailed, failed)
		r.pass(pause - time.Millisecond)
		if next, err := r.follow(x.ID); err != nil || next != duework.Again(time.Millisecond) {
			t.Errorf("before retry %d: %+v, %v", n+1, next, err)
		}
		r.pass(time.Millisecond)
		if next, err := r.follow(x.ID); err != nil || next != duework.Recorded() {
			t.Fatalf("retry %d: %+v, %v", n+1, next, err)
		}
		all := r.executions()
		x = all[len(all)-1]
		if len(all) != n+2 || x.TriggerID != g.ID || !x.FollowUp || x.Status != faas.ExecutionQueued || x.UserID != "u" {
			t.Fatalf("retry %d: %d executions, the last is %+v", n+1, len(all), x)
		}
		if want := r.input(anEvent(3, n+2)); x.Input != want {
			t.Errorf("retry %d gets %s\nwant %s", n+1, x.Input, want)
		}
	}
	r.end(x.ID, faas.ExecutionError, `{"duration":null,"output":"lost"}`)
	if next, err := r.follow(x.ID); err != nil || next != duework.Recorded() {
		t.Fatalf("at the end: %+v, %v", next, err)
	}
	letters := r.letters(g)
	if len(letters) != 1 || len(r.executions()) != 3 {
		t.Fatalf("there are %d executions and the letters %+v", len(r.executions()), letters)
	}
	l := letters[0]
	want := faas.DeadLetter{
		ID: x.ID, TriggerID: g.ID, ProjectID: project, EventID: "e-1", EventSource: "/here", EventType: "test.happened",
		Why: "lost", Attempts: 3, CreatedAt: r.now(), Input: x.Input,
	}
	if l != want {
		t.Errorf("kept is %+v\nwant %+v", l, want)
	}
	seen, err := r.store.Trigger(t.Context(), faas.AnyProject(), g.ID)
	if err != nil || seen.Seen.Failed != 1 || seen.Seen.LastError != "lost" {
		t.Errorf("the trigger has seen %+v, %v", seen.Seen, err)
	}
}

// TestOnce has several engines do what follows one execution, and one more whose item is long
// another's: there is one retry.
func TestOnce(t *testing.T) {
	r := newRig(t)
	g := r.trigger(1, 0)
	x := r.queue(func(x *faas.Execution) { x.TriggerID, x.Input = g.ID, r.input(anEvent(0, 1)) })
	r.end(x.ID, faas.ExecutionFailed, failed)
	old := r.take(store.FollowUp, x.ID)
	r.must(r.store.DueFailed(t.Context(), old, 0, "its engine is away"))
	i := r.take(store.FollowUp, x.ID)
	var recorded atomic.Int32
	var group sync.WaitGroup
	for _, item := range []store.DueItem{old, i, i, i} {
		group.Go(func() {
			switch _, err := r.follower.Follow(t.Context(), item); {
			case err == nil:
				recorded.Add(1)
			case !errors.Is(err, store.ErrNotInHand):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(r.executions()); recorded.Load() != 1 || n != 2 {
		t.Errorf("%d have recorded it, there are %d executions", recorded.Load(), n)
	}
}

// TestNothingFollows an execution that was well, was cancelled, or whose trigger is gone.
func TestNothingFollows(t *testing.T) {
	r := newRig(t)
	g, gone := r.trigger(5, 0), r.trigger(5, 0)
	of := func(trigger string) func(*faas.Execution) {
		return func(x *faas.Execution) { x.TriggerID, x.Input = trigger, r.input(anEvent(0, 1)) }
	}
	well, orphan, deleted := r.queue(of(g.ID)), r.queue(of(gone.ID)), r.queue(of(g.ID))
	r.end(well.ID, faas.ExecutionSuccess, "{}")
	r.end(orphan.ID, faas.ExecutionFailed, failed)
	r.end(deleted.ID, faas.ExecutionFailed, failed)
	_, err := r.store.DeleteTrigger(t.Context(), faas.AnyProject(), gone.ID)
	r.must(err)
	r.must(r.store.DeleteExecution(t.Context(), faas.AnyProject(), deleted.ID))
	for what, id := range map[string]string{
		"a success": well.ID, "a failure of no trigger": orphan.ID, "no execution": deleted.ID,
	} {
		if next, err := r.follow(id); err != nil || next != duework.Done() {
			t.Errorf("after %s: %+v, %v", what, next, err)
		}
	}
	if n := len(r.executions()); n != 2 || len(r.letters(g)) != 0 {
		t.Errorf("there are %d executions and the letters %v", n, r.letters(g))
	}
}

// TestNotTriedAgain keeps events as dead letters that can not be tried again, and says why.
func TestNotTriedAgain(t *testing.T) {
	for what, c := range map[string]struct {
		prepare func(r *rig, g faas.Trigger)
		input   string // of the execution, in place of one with an event
		why     string
	}{
		"its trigger is paused": {
			prepare: func(r *rig, g faas.Trigger) {
				_, err := r.store.UpdateTrigger(t.Context(), faas.AnyProject(), g.ID, func(g *faas.Trigger) error {
					g.Status = faas.TriggerPaused
					return nil
				})
				r.must(err)
			},
			why: "It was not tried again because the trigger is paused: KeyError: 'x'",
		},
		"it is no event": {input: `{"n":1}`, why: "KeyError: 'x'"},
		"it is broken":   {input: `{"__event":{}}`, why: "KeyError: 'x'"},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			g := r.trigger(3, 0)
			x := r.queue(func(x *faas.Execution) {
				if x.TriggerID, x.Input = g.ID, c.input; c.input == "" {
					x.Input = r.input(anEvent(0, 1))
				}
			})
			r.end(x.ID, faas.ExecutionFailed, failed)
			if c.prepare != nil {
				c.prepare(r, g)
			}
			_, err := r.follow(x.ID)
			r.must(err)
			letters := r.letters(g)
			if len(letters) != 1 || letters[0].Why != c.why || letters[0].Input != x.Input || len(r.executions()) != 1 {
				t.Errorf("kept are %+v", letters)
			}
		})
	}
}

// TestQuota has a quota refuse a retry: it is tried to be made for a while, then the event is kept.
func TestQuota(t *testing.T) {
	r := newRig(t)
	g := r.trigger(1, 0)
	none := int64(0)
	r.must(r.quotas.Set(t.Context(), project, map[faas.Resource]*int64{faas.ResourceCalls: &none}))
	x := r.queue(func(x *faas.Execution) { x.TriggerID, x.Input = g.ID, r.input(anEvent(0, 1)) })
	r.end(x.ID, faas.ExecutionFailed, failed)
	for range 3 {
		if _, err := r.follow(x.ID); faas.KindOf(err) != faas.Busy {
			t.Fatalf("over the quota: %v", err)
		}
		r.pass(refusedFor / 3)
	}
	r.pass(time.Second)
	_, err := r.follow(x.ID)
	r.must(err)
	letters := r.letters(g)
	if len(letters) != 1 || !strings.Contains(letters[0].Why, "calls_per_minute") || len(r.executions()) != 1 {
		t.Errorf("kept are %+v", letters)
	}
}

// TestDelays double, up to an hour.
func TestDelays(t *testing.T) {
	for attempt, want := range []time.Duration{60, 60, 120, 240, 480, 960, 1920, 3600, 3600} {
		if got := retryDelay(faas.Trigger{RetryDelay: 60}, attempt); attempt > 0 && got != want*time.Second {
			t.Errorf("after attempt %d it is %v", attempt, got)
		}
	}
	if got := retryDelay(faas.Trigger{RetryDelay: 1 << 30}, 1<<30); got != time.Hour {
		t.Errorf("a delay is %v", got)
	}
	if got := retryDelay(faas.Trigger{}, 1<<30); got != 0 {
		t.Errorf("no delay is %v", got)
	}
}

// TestReasons are in words, whatever a result is like.
func TestReasons(t *testing.T) {
	for result, want := range map[string]string{
		failed: "KeyError: 'x'", `{"output":"Function execution timeout."}`: "Function execution timeout.",
		`{"output":{"a":1}}`: `{"a":1}`, `{"output":null,"error":{"type":"X","message":""}}`: "X",
		"": "The execution has no result.",
	} {
		if got := whyOf(faas.Execution{Result: result}); got != want {
			t.Errorf("%s is because of %q, want %q", result, got, want)
		}
	}
}

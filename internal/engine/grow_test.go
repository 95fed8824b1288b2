package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
)

const slow = "import time\ndef main(n=1, **kwargs):\n    time.sleep(n)\n"

// TestSixCallsRunAtOnce has two workers for six calls, soon enough for all of them to run at the
// same time.
func TestSixCallsRunAtOnce(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 2 })
	r.run()
	f := r.function(slow)
	var ids []string
	for range 6 {
		ids = append(ids, r.enqueue(f, `{"n": 2}`))
	}
	var begun, ended []time.Time
	for _, id := range ids {
		x := r.ended(id)
		if x.Status != faas.ExecutionSuccess {
			t.Errorf("got %+v", x)
		}
		begun, ended = append(begun, x.StartedAt), append(ended, x.EndedAt)
	}
	if !slices.MaxFunc(begun, time.Time.Compare).Before(slices.MinFunc(ended, time.Time.Compare)) {
		t.Error("one of six calls began when another had ended")
	}
	r.await("six calls have two workers", func() bool { return len(r.own(f)) == 2 })
}

// TestManyCallsOnASmallPool has 200 calls from two callers at once: each is answered or told to
// come again, and no storm of workers is raised.
func TestManyCallsOnASmallPool(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 3 })
	r.run()
	f := r.function(echo)
	callers := []*dispatch.Dispatcher{r.api(hangTimeout), r.api(hangTimeout)}
	var calls sync.WaitGroup
	for n := range 200 {
		calls.Go(func() {
			o, err := r.call(callers[n%2], f, `{"n": 1}`)
			if err != nil && faas.KindOf(err) != faas.Busy || err == nil && o.Status != faas.ExecutionSuccess {
				t.Errorf("outcome %+v, error %v", o, err)
			}
		})
	}
	calls.Wait()
	if n := len(r.own(f)); n > r.limits.PerFunction {
		t.Errorf("%d workers, more than the function may have", n)
	}
}

// TestShrinksAheadOfIdleTime has two workers, of which one is needed no longer; the last stays for
// the idle time.
func TestShrinksAheadOfIdleTime(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize, l.Stable = 2, 2*time.Second })
	r.run()
	f := r.function(slow)
	var ids []string
	for range 6 {
		ids = append(ids, r.enqueue(f, `{"n": 5}`))
	}
	r.await("there are two workers", func() bool { return len(r.own(f)) == 2 })
	for _, id := range ids {
		r.ended(id)
	}
	r.await("one of them has ended", func() bool { return len(r.own(f)) == 1 })
	r.inSync()
	r.engine.autoscale.Shrink(t.Context())
	if n := len(r.own(f)); n != 1 {
		t.Errorf("%d workers are left, want one", n)
	}
}

// TestPoolGrowsAheadOfDemand claims three workers in a row from a pool of one.
func TestPoolGrowsAheadOfDemand(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolMax = 2 })
	r.run()
	for n := range 3 {
		r.ended(r.enqueue(r.function(echo+"# "+string(rune('a'+n))+"\n"), ""))
	}
	r.await("two generic workers are kept", func() bool {
		return r.count(func(w faas.Worker) bool { return w.Generic() && w.Ready }) == 2
	})
}

// TestPoolGrowsForNewFunctions has functions be made, of which none is called yet, for a pool of one
// and for one that is empty.
func TestPoolGrowsForNewFunctions(t *testing.T) {
	for _, size := range []int{0, 1} {
		t.Run(fmt.Sprintf("pool_size=%d", size), func(t *testing.T) {
			r := newRig(t, func(l *Limits) { l.PoolSize, l.PoolMax = size, 3 })
			r.run()
			client := engineclient.New(r.broker, r.store.Shards())
			r.await("as many workers are ready as the pool may have", func() bool {
				// The first may come before the engine owns the shard.
				r.must(client.FunctionMade(t.Context(), r.runtime))
				return r.count(func(w faas.Worker) bool { return w.Generic() && w.Ready }) == 3
			})
		})
	}
}

// TestAllWhoWaitGetWorkers has six functions called at once on a pool of one that may not grow by
// itself: workers are started for those who wait. Were each replaced that is claimed, there would be
// twelve in the end.
func TestAllWhoWaitGetWorkers(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolExtra = 10 })
	var log messages
	r.with(func(c *Config) { c.Log = slog.New(&log) })
	r.run()
	var ids []string
	for n := range 6 {
		ids = append(ids, r.record(r.function(echo+"# "+string(rune('a'+n))+"\n"), ""))
	}
	for _, id := range ids {
		r.must(r.broker.Enqueue(t.Context(), faas.ExecutionsQueue(project), []byte(id)))
	}
	for _, id := range ids {
		if x := r.ended(id); x.Status != faas.ExecutionSuccess {
			t.Errorf("got %+v", x)
		}
	}
	if log.count("started workers that are waited for") == 0 {
		t.Error("the pool started workers one after another")
	}
	if made := r.count(func(faas.Worker) bool { return true }); made > 9 {
		t.Errorf("%d workers were made for six functions and a pool of one", made)
	}
}

// messages is a log of which only the messages are kept.
type messages struct {
	mu  sync.Mutex
	all []string
}

func (m *messages) Enabled(context.Context, slog.Level) bool { return true }
func (m *messages) WithAttrs([]slog.Attr) slog.Handler       { return m }
func (m *messages) WithGroup(string) slog.Handler            { return m }

func (m *messages) Handle(_ context.Context, r slog.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, r.Message)
	return nil
}

func (m *messages) count(message string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.all {
		if one == message {
			n++
		}
	}
	return n
}

// TestMakesRoom has all workers there may be in the hands of one project, idle, when another calls.
func TestMakesRoom(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.Workers = 2 })
	r.run()
	first, second := r.function(echo), r.function(echo+"# second\n")
	r.ended(r.enqueue(first, ""))
	r.ended(r.enqueue(second, ""))
	r.await("the orchestrator knows of both", func() bool { return len(r.own(first)) == 1 && len(r.own(second)) == 1 })
	theirs := r.functionOf(other, echo)
	if x := r.ended(r.enqueue(theirs, "")); x.Status != faas.ExecutionSuccess {
		t.Errorf("got %+v", x)
	}
	if n := r.count(func(w faas.Worker) bool { return !w.Generic() }); n > 2 {
		t.Errorf("%d workers are in use, want no more than two", n)
	}
	if x := r.ended(r.enqueue(r.function(echo+"# third\n"), "")); x.Status != faas.ExecutionSuccess {
		t.Errorf("a project may have its own idle worker's place: %+v", x)
	}
}

// TestOneProjectsQueueHoldsNobodyUp has a long queue of one project, all of whose calls wait for
// the one worker it may have.
func TestOneProjectsQueueHoldsNobodyUp(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PerFunction, l.PoolSize, l.AsyncParallel = 1, 2, 8 })
	r.run()
	flood := r.function(slow)
	var ids []string
	for range 30 {
		ids = append(ids, r.enqueue(flood, ""))
	}
	r.await("the flood runs", func() bool { return len(r.own(flood)) == 1 })
	r.ended(r.enqueue(r.functionOf(other, echo), ""))
	left := 0
	for _, id := range ids {
		x, err := r.store.Execution(t.Context(), faas.AnyProject(), id)
		r.must(err)
		if !x.Status.Ended() {
			left++
		}
	}
	if left < 15 {
		t.Errorf("only %d of thirty calls of the other project were left", left)
	}
}

// TestNoRoomIsBusy has a caller that waits in vain: it is told when to come again.
func TestNoRoomIsBusy(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PerFunction = 1 })
	r.run()
	f := r.function(slow)
	id := r.enqueue(f, `{"n": 3}`)
	for range 2 {
		r.enqueue(f, `{"n": 3}`)
	}
	r.await("all slots are taken", func() bool {
		own := r.own(f)
		if len(own) == 0 {
			return false
		}
		status, err := r.engine.client.Status(t.Context(), own[0])
		return err == nil && status.Busy == status.Slots
	})
	_, err := r.call(r.api(time.Second), f, "")
	if faas.KindOf(err) != faas.Busy {
		t.Errorf("got %v", err)
	}
	r.ended(id)
}

// TestSaysWhichWorkerItTakes asks for a worker as an API does: it hears which generic one becomes
// the function's, and for one that is the function's already nothing.
func TestSaysWhichWorkerItTakes(t *testing.T) {
	r := newRig(t, func(*Limits) {})
	r.run()
	f := r.function(echo)
	var heard []faas.Worker
	ctx := broker.Hearing(t.Context(), func(hint json.RawMessage) {
		var w faas.Worker
		if err := json.Unmarshal(hint, &w); err != nil {
			t.Error(err)
		}
		heard = append(heard, w)
	})
	req := faas.AcquireRequest{Target: f.Target()}
	for range 2 {
		var w faas.Worker
		r.await("a worker", func() bool {
			return r.broker.Call(ctx, req.Method(r.store.Shards()), req, &w) == nil
		})
		if w.Key != req.Target.Key {
			t.Errorf("got %+v", w)
		}
		if len(heard) != 1 {
			t.Fatalf("%d hints, want the first request's", len(heard))
		}
		if first := heard[0]; first.ID != w.ID || !first.Generic() {
			t.Errorf("heard of %+v before %s", first, w.ID)
		}
	}
}

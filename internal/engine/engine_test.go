package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const echo = "def main(**kwargs):\n    kwargs.pop('context', None)\n    print('ran')\n    return kwargs\n"

func TestRunsAnAsynchronousExecution(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	f := r.function(echo)
	x := r.ended(r.enqueue(f, `{"n": 1}`))
	if x.Status != faas.ExecutionSuccess || !strings.Contains(x.Result, `{"n":1}`) || x.Attempts != 1 ||
		x.Owner != "engine-1" {
		t.Errorf("got %+v", x)
	}
	if log, err := r.store.ExecutionLog(t.Context(), faas.AnyProject(), x.ID); err != nil || log != "ran\n" {
		t.Errorf("log %q, %v", log, err)
	}
	r.await("the pool is full again", func() bool {
		pool, err := r.engine.pools.Serve(t.Context(), []byte(`{"runtime_id":"`+r.runtime+`"}`))
		return err == nil && pool == faas.Pool{Total: 1, Available: 1}
	})
}

// TestRunsWhatWasQueuedBefore is an engine that starts where another died: its rows are there,
// their messages are not.
func TestRunsWhatWasQueuedBefore(t *testing.T) {
	r := newRig(t, nil)
	f := r.function(echo)
	var ids []string
	for n := range 20 {
		ids = append(ids, r.record(f, fmt.Sprintf(`{"n": %d}`, n)))
	}
	r.run()
	for _, id := range ids {
		if x := r.ended(id); x.Status != faas.ExecutionSuccess || x.Attempts != 1 {
			t.Errorf("got %+v", x)
		}
	}
}

func TestSettlesWhatADeadEngineRan(t *testing.T) {
	r := newRig(t, nil)
	id := r.record(r.function(echo), "")
	if _, won, err := r.store.Claim(t.Context(), id, "a dead engine", 200*time.Millisecond); err != nil || !won {
		t.Fatal(won, err)
	}
	r.run()
	x := r.ended(id)
	if x.Status != faas.ExecutionError || !strings.Contains(x.Result, "may have run") || x.Attempts != 1 {
		t.Errorf("got %+v", x)
	}
}

// TestKeepsItsLease is an execution that takes longer than its lease.
func TestKeepsItsLease(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.Lease = 2 * time.Second })
	r.run()
	x := r.ended(r.enqueue(r.function("import time\ndef main(**kwargs):\n    time.sleep(5)\n"), ""))
	if x.Status != faas.ExecutionSuccess {
		t.Errorf("got %+v", x)
	}
}

func TestGrowsByConcurrency(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 2 })
	r.run()
	r.await("two workers are ready", func() bool {
		return r.count(func(w faas.Worker) bool { return w.Generic() && w.Ready }) == 2
	})
	f := r.function("import time\ndef main(**kwargs):\n    time.sleep(4)\n")
	var ids []string
	for range 6 {
		ids = append(ids, r.enqueue(f, ""))
	}
	r.await("six calls have two workers", func() bool { return len(r.own(f)) == 2 })
	for _, id := range ids {
		if x := r.ended(id); x.Status != faas.ExecutionSuccess {
			t.Errorf("got %+v", x)
		}
	}
	if n := len(r.own(f)); n != 2 {
		t.Errorf("%d workers for six calls, want two", n)
	}
}

// TestBoundsHold has more calls than the function may have slots; each gets its turn.
func TestBoundsHold(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PerFunction = 1 })
	r.run()
	f := r.function("import time\ndef main(**kwargs):\n    time.sleep(0.05)\n")
	var ids []string
	for range 15 {
		ids = append(ids, r.enqueue(f, ""))
	}
	for _, id := range ids {
		if x := r.ended(id); x.Status != faas.ExecutionSuccess || len(r.own(f)) > 1 {
			t.Errorf("got %+v on %d workers", x, len(r.own(f)))
		}
	}
}

func TestIdleWorkersEnd(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.Idle = 300 * time.Millisecond })
	r.run()
	f := r.function(echo)
	r.ended(r.enqueue(f, ""))
	r.await("the worker has ended", func() bool { return len(r.own(f)) == 0 })
	if x := r.ended(r.enqueue(f, "")); x.Status != faas.ExecutionSuccess {
		t.Errorf("after that: %+v", x)
	}
}

// TestNewRevisionReplacesWorkers changes a function while its old code runs: that ends in peace,
// what comes after is new.
func TestNewRevisionReplacesWorkers(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	old := r.function("import time\ndef main(**kwargs):\n    time.sleep(4)\n    return 'old'\n")
	slow := r.enqueue(old, "")
	r.awaitCall(old)
	fresh := r.function("def main(**kwargs):\n    return 'new'\n")
	changed, err := r.store.UpdateFunction(t.Context(), faas.AnyProject(), old.ID, store.FunctionChange{Code: &fresh.Code})
	r.must(err)
	r.must(
		r.broker.Broadcast(
			t.Context(),
			faas.TopicFunction,
			fmt.Appendf(nil, `{"function_id":%q,"revision":%d}`, changed.ID, changed.Revision),
		),
	)
	if x := r.ended(r.enqueue(changed, "")); !strings.Contains(x.Result, `"new"`) {
		t.Errorf("got %+v", x)
	}
	if x := r.ended(slow); !strings.Contains(x.Result, `"old"`) {
		t.Errorf("got %+v", x)
	}
	r.await("the old worker has ended", func() bool {
		own := r.own(changed)
		return len(own) == 1 && own[0].Key.Revision == changed.Revision
	})
}

// awaitCall waits till a worker runs a call of the function. That it is the function's own is not
// enough: what was not sent yet rightly goes to another worker, or to one of a newer revision.
func (r *rig) awaitCall(f faas.Function) {
	r.Helper()
	r.await("a call runs in a worker", func() bool {
		own := r.own(f)
		if len(own) == 0 {
			return false
		}
		status, err := r.engine.client.Status(r.Context(), own[0])
		return err == nil && status.Busy == 1
	})
}

// TestLostWorker ends a worker in the middle of a call: the call has an end, and the next has a
// worker.
func TestLostWorker(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	f := r.function("import time\ndef main(n=9, **kwargs):\n    time.sleep(n)\n")
	id := r.enqueue(f, "")
	r.awaitCall(f)
	r.must(r.workers.Remove(t.Context(), r.own(f)[0].ID))
	// Its agent may have found time to tell that the runtime ended, or not; either way the record
	// says what is known.
	x := r.ended(id)
	told := x.Status == faas.ExecutionFailed && strings.Contains(x.Result, "ended during the call")
	untold := x.Status == faas.ExecutionError && strings.Contains(x.Result, "may have run")
	if !told && !untold || x.Attempts != 1 {
		t.Errorf("got %+v", x)
	}
	if x := r.ended(r.enqueue(f, `{"n": 0}`)); x.Status != faas.ExecutionSuccess {
		t.Errorf("after that: %+v", x)
	}
}

// TestRefusedAfterItsClaim has the only worker that there may be refuse a call for which the row
// was claimed already: it is queued again, and runs once there is a worker.
func TestRefusedAfterItsClaim(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PerFunction, l.Wait = 1, 300*time.Millisecond })
	r.run()
	f := r.function(echo)
	r.ended(r.enqueue(f, ""))
	r.must(r.engine.client.Drain(t.Context(), r.onlyWorker(f), 0))
	id := r.enqueue(f, "")
	claimed := false
	r.await("it is queued again", func() bool {
		x, err := r.store.Execution(t.Context(), faas.AnyProject(), id)
		r.must(err)
		claimed = claimed || x.Status == faas.ExecutionRunning
		return claimed && x.Status == faas.ExecutionQueued
	})
	r.must(r.workers.Remove(t.Context(), r.own(f)[0].ID))
	if x := r.ended(id); x.Status != faas.ExecutionSuccess || x.Attempts != 1 {
		t.Errorf("got %+v", x)
	}
}

func TestWhatCannotRunSaysWhy(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	deleted := r.function(echo)
	_, err := r.store.DeleteFunction(t.Context(), faas.AnyProject(), deleted.ID)
	r.must(err)
	missing := r.function(echo + "# another package\n")
	r.must(r.code.Delete(t.Context(), missing.Code.SHA256))
	for _, c := range []struct {
		f      faas.Function
		status faas.ExecutionStatus
		words  string
	}{
		{deleted, faas.ExecutionCancelled, "does not exist any more"},
		{missing, faas.ExecutionError, "missing from the code store"},
	} {
		if x := r.ended(r.enqueue(c.f, "")); x.Status != c.status || !strings.Contains(x.Result, c.words) {
			t.Errorf("got %+v; it should be in %s and say %q", x, c.status, c.words)
		}
	}
}

func TestRuntimeThatCannotBe(t *testing.T) {
	r := newRig(t, nil)
	bad, err := r.store.CreateRuntime(t.Context(), faas.Runtime{ProjectID: project, Image: "cobol"})
	r.must(err)
	r.run()
	r.await("the runtime is in error", func() bool {
		rt, err := r.store.Runtime(t.Context(), faas.AnyProject(), bad.ID)
		return err == nil && rt.Status == faas.RuntimeError && strings.Contains(rt.StatusReason, "python3")
	})
	r.must(r.store.DeleteRuntime(t.Context(), faas.AnyProject(), bad.ID))
	r.must(r.broker.Enqueue(t.Context(), faas.QueueRuntimes, []byte(`{"runtime_id":"`+bad.ID+`"}`)))
}

// TestCollectsPackages has a function deleted, and its package after it. One of a function stays.
func TestCollectsPackages(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PackageGrace = -time.Minute })
	kept := r.function(echo)
	dropped := r.function(echo + "# another package\n")
	r.run()
	for _, f := range []faas.Function{dropped, r.function(echo)} {
		_, err := r.store.DeleteFunction(t.Context(), faas.AnyProject(), f.ID)
		r.must(err)
	}
	r.engine.due.Wake()
	r.await("what no function refers to is deleted", func() bool {
		body, _, err := r.code.Open(t.Context(), dropped.Code.SHA256)
		if err == nil {
			r.must(body.Close())
		}
		return faas.KindOf(err) == faas.NotFound
	})
	r.await("the other is looked at, and left", func() bool { return len(r.dueRefs(store.PackageDeletion)) == 1 })
	body, _, err := r.code.Open(t.Context(), kept.Code.SHA256)
	r.must(err)
	r.must(body.Close())
}

// dueRefs returns what there is of a kind of due work.
func (r *rig) dueRefs(kind string) (refs []string) {
	r.Helper()
	all := make([]int, r.store.Shards())
	for shard := range all {
		all[shard] = shard
	}
	items, err := r.store.DueItems(
		r.Context(), store.DueQuery{Shards: all, Room: map[string]int{kind: 100}, Within: 1000 * time.Hour},
	)
	r.must(err)
	for _, i := range items {
		refs = append(refs, i.Ref)
	}
	return refs
}

// TestStopLetsExecutionsEnd stops an engine while an execution runs that takes longer than its
// lease.
func TestStopLetsExecutionsEnd(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.Lease = 2 * time.Second })
	r.run()
	f := r.function("import time\ndef main(**kwargs):\n    time.sleep(5)\n")
	id := r.enqueue(f, "")
	r.await("it runs", func() bool {
		x, err := r.store.Execution(t.Context(), faas.AnyProject(), id)
		return err == nil && x.Status == faas.ExecutionRunning
	})
	queued := r.record(f, "")
	r.stop()
	x, err := r.store.Execution(t.Context(), faas.AnyProject(), id)
	if err != nil || x.Status != faas.ExecutionSuccess {
		t.Errorf("got %+v, %v", x, err)
	}
	if x, err := r.store.Execution(t.Context(), faas.AnyProject(), queued); err != nil || x.Status.Ended() {
		t.Errorf("what was not begun is kept for the next: %+v, %v", x, err)
	}
}

// TestMetrics reads what an engine with one specialised and one generic worker shows.
func TestMetrics(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 1 })
	registry := prometheus.NewRegistry()
	r.engine.Register(registry)
	r.run()
	if _, err := r.call(r.api(20*time.Second), r.function(echo), "{}"); err != nil {
		t.Fatal(err)
	}
	read := func() map[string]float64 {
		families, err := registry.Gather()
		r.must(err)
		values := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				name := f.GetName()
				for _, l := range m.GetLabel() {
					name += " " + l.GetValue()
				}
				values[name] = m.GetGauge().GetValue()
			}
		}
		return values
	}
	r.await("a worker of each kind is shown, and the shards", func() bool {
		v := read()
		return v["faas_engine_workers specialised"] == 1 && v["faas_engine_workers generic"] == 1 &&
			v["faas_engine_owned_shards"] > 0
	})
	if _, there := read()["faas_dispatch_waiting_calls engine"]; !there {
		t.Error("the engine's dispatcher is not shown")
	}
}

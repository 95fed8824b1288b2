package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// owned is how many shards an engine owns.
func owned(e *Engine) int { return len(e.shards.Owned()) }

// ownsAll waits until an engine owns all shards.
func (r *rig) ownsAll(e *Engine) {
	r.Helper()
	r.await("one engine owns all shards", func() bool { return owned(e) == int(r.store.Shards()) })
}

// TestShardsHaveOneOwner runs two engines side by side: each owns half of the shards, both run
// executions, and when one ends the other takes over.
func TestShardsHaveOneOwner(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 2 })
	r.run()
	r.ownsAll(r.engine)
	second := r.another("engine-2")
	stop := r.start(second)
	defer stop()
	<-second.Ready()
	half := int(r.store.Shards()) / 2
	r.await("each owns half of the shards", func() bool { return owned(r.engine) == half && owned(second) == half })
	f := r.function(echo)
	var ids []string
	for n := range 40 {
		ids = append(ids, r.enqueue(f, fmt.Sprintf(`{"n": %d}`, n)))
	}
	var owners []string
	for _, id := range ids {
		x := r.ended(id)
		if x.Status != faas.ExecutionSuccess || x.Attempts != 1 {
			t.Errorf("got %+v", x)
		}
		owners = append(owners, x.Owner)
	}
	if !slices.Contains(owners, "engine-2") {
		t.Error("the second engine ran nothing")
	}
	r.stop()
	r.ownsAll(second)
	if n := owned(r.engine); n != 0 {
		t.Errorf("the first still owns %d", n)
	}
	if o, err := r.call(r.api(hangTimeout), r.function(echo+"# fresh\n"), ""); err != nil ||
		o.Status != faas.ExecutionSuccess {
		t.Errorf("a cold call after the handover: %+v, %v", o, err)
	}
}

// TestShardLostWhileSomebodyWaits has a caller in line whose engine ends: another serves it.
func TestShardLostWhileSomebodyWaits(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 1 })
	r.run()
	second := r.another("engine-2")
	defer r.start(second)()
	r.ended(r.enqueue(r.function(echo), "")) // takes the pool's only worker: the next waits for its successor
	done := make(chan error, 1)
	f := r.function(echo + "# fresh\n")
	d := r.api(hangTimeout)
	go func() {
		_, err := r.call(d, f, "")
		done <- err
	}()
	r.stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestAdoptsWhatADeadEngineSpecialised has workers that look generic and are a function's, of the
// present revision and of none.
func TestAdoptsWhatADeadEngineSpecialised(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 2 })
	r.run()
	f, gone := r.function(echo), r.function(echo+"# gone\n")
	r.await("two workers are ready", func() bool {
		return r.count(func(w faas.Worker) bool { return w.Generic() && w.Ready }) == 2
	})
	r.inSync()
	for i, w := range r.workers.Workers() {
		target := []faas.Function{f, gone}[i].Target()
		zip, release, err := r.engine.preparation.Package(t.Context(), target)
		r.must(err)
		defer release()
		_, err = r.engine.client.Specialise(
			t.Context(), w, faas.Specialisation{Key: target.Key, Entry: target.Entry, SHA256: target.SHA256},
			zip,
		)
		r.must(err)
	}
	_, err := r.store.DeleteFunction(t.Context(), faas.AnyProject(), gone.ID)
	r.must(err)
	r.engine.repair.AdoptUnowned(t.Context())
	r.await("one is the function's, one has ended, two are new", func() bool {
		return len(r.own(f)) == 1 && r.count(func(faas.Worker) bool { return true }) == 3 &&
			r.count(func(w faas.Worker) bool { return w.Generic() && w.Ready }) == 2
	})
	worker := r.own(f)[0]
	if worker.ProjectID != project {
		t.Errorf("got %+v", worker)
	}
	if x := r.ended(r.enqueue(f, "")); x.Status != faas.ExecutionSuccess || r.own(f)[0].ID != worker.ID ||
		len(r.own(f)) != 1 {
		t.Errorf("what was adopted is not used: %+v", x)
	}
}

// TestSweepsWhatIsNoMore deletes a function and a runtime of which no engine hears.
func TestSweepsWhatIsNoMore(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	kept, deleted := r.function(echo), r.function(echo+"# deleted\n")
	for _, f := range []faas.Function{kept, deleted} {
		r.ended(r.enqueue(f, ""))
		r.await("it has its worker", func() bool { return len(r.own(f)) == 1 })
	}
	spare, err := r.store.CreateRuntime(t.Context(), faas.Runtime{ProjectID: project, Image: "python3"})
	r.must(err)
	r.must(r.broker.Enqueue(t.Context(), faas.QueueRuntimes, []byte(`{"runtime_id":"`+spare.ID+`"}`)))
	ofSpare := func(w faas.Worker) bool { return w.RuntimeID == spare.ID }
	r.await("the second runtime has a pool", func() bool { return r.count(ofSpare) == 1 })
	_, err = r.store.DeleteFunction(t.Context(), faas.AnyProject(), deleted.ID)
	r.must(err)
	r.must(r.store.DeleteRuntime(t.Context(), faas.AnyProject(), spare.ID))
	r.inSync()
	r.engine.repair.Sweep(t.Context())
	r.await("their workers have ended", func() bool { return len(r.own(deleted)) == 0 && r.count(ofSpare) == 0 })
	if len(r.own(kept)) != 1 {
		t.Error("a worker ended whose function is there")
	}
}

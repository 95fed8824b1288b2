package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// cutOff takes a worker's address away, as a dead network does: who connects to it finds nobody,
// while its processes go on.
func (r *rig) cutOff(w faas.Worker) {
	r.Helper()
	path, ok := strings.CutPrefix(w.Address, "unix:")
	if !ok {
		r.Fatalf("a local worker is at %s", w.Address)
	}
	r.must(os.Remove(path))
}

// freeze stops a worker's agent: who connects to it is not answered.
func (r *rig) freeze(w faas.Worker) {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "workers", "workers", w.ID))
	r.must(err)
	var record struct{ PID int }
	r.must(json.Unmarshal(text, &record))
	r.must(syscall.Kill(record.PID, syscall.SIGSTOP))
}

// A worker that does not answer must neither be sent calls again nor stand in the way of its
// replacement: the function may have one worker, and gets another without anybody but the caller
// and the owner taking part.
func TestDeadWorkerIsReplaced(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PerFunction, l.PoolSize = 1, 1 })
	r.run()
	f := r.function("def main():\n    return 'here'\n")
	if _, err := r.call(r.api(r.limits.Wait), f, "{}"); err != nil {
		t.Fatal(err)
	}
	dead := r.onlyWorker(f)
	r.cutOff(dead)

	outcome, err := r.call(r.api(r.limits.Wait), f, "{}") // a caller without a connection to it
	if err != nil || string(outcome.Output) != `"here"` {
		t.Fatalf("got %s, %v", outcome.Output, err)
	}
	r.await("the function has another worker alone", func() bool {
		own := r.own(f)
		return len(own) == 1 && own[0].ID != dead.ID
	})
}

// TestDrainingWorkerIsPassedOver has every generic worker end, as when a pool shrinks, before the
// engine has heard of it: a function's first call goes to another.
func TestDrainingWorkerIsPassedOver(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 2 })
	r.run()
	generic := func() (ready []faas.Worker) {
		for _, w := range r.workers.Workers() {
			if w.Generic() && w.Ready {
				ready = append(ready, w)
			}
		}
		return ready
	}
	r.await("the pool is full", func() bool { return len(generic()) == 2 })
	for _, w := range generic() {
		r.must(r.engine.client.Drain(t.Context(), w, 0))
	}
	if _, err := r.call(r.api(hangTimeout), r.function(echoes), "{}"); err != nil {
		t.Errorf("the first call: %v", err)
	}
}

// An agent that accepts connections and does not answer is as dead as one that is out of reach.
// Here a caller says so that has waited for it.
func TestFrozenWorkerIsReplaced(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PerFunction, l.PoolSize = 1, 1 })
	r.run()
	f := r.function("def main():\n    return 'here'\n")
	if _, err := r.call(r.api(r.limits.Wait), f, "{}"); err != nil {
		t.Fatal(err)
	}
	frozen := r.onlyWorker(f)
	r.freeze(frozen)

	req := faas.AcquireRequest{
		Target: f.Target(), Known: []string{frozen.ID}, Silent: []string{frozen.ID}, Caller: "a caller", Waiting: 1,
	}
	var w faas.Worker
	r.await("the function has another worker", func() bool {
		err := r.broker.Call(t.Context(), req.Method(r.store.Shards()), req, &w)
		if err != nil && faas.KindOf(err) != faas.Busy {
			t.Fatal(err)
		}
		return err == nil
	})
	if w.ID == frozen.ID || w.Key != f.Target().Key {
		t.Errorf("got the worker %+v", w)
	}
	r.await(
		"the frozen worker is gone",
		func() bool { return r.count(func(w faas.Worker) bool { return w.ID == frozen.ID }) == 0 },
	)
}

// A worker that is only busy answers its probe and stays.
func TestBusyWorkerIsNotReplaced(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PerFunction, l.PoolSize = 1, 1 })
	r.run()
	f := r.function("def main():\n    return 'here'\n")
	api := r.api(r.limits.Wait)
	if _, err := r.call(api, f, "{}"); err != nil {
		t.Fatal(err)
	}
	w := r.onlyWorker(f)
	req := faas.AcquireRequest{
		Target:  f.Target(),
		Known:   []string{w.ID},
		Silent:  []string{w.ID},
		Caller:  "a liar",
		Waiting: 1,
	}
	var another faas.Worker
	if err := r.broker.Call(t.Context(), req.Method(r.store.Shards()), req, &another); faas.KindOf(err) != faas.Busy {
		t.Errorf("got %+v, %v", another, err)
	}
	r.await("the probe has ended", func() bool { return len(r.engine.loops.Running()) > 0 && !probing(r.engine) })
	if _, err := r.call(api, f, "{}"); err != nil || r.onlyWorker(f).ID != w.ID {
		t.Errorf("after a probe that was answered: %v, workers %+v", err, r.own(f))
	}
}

func probing(e *Engine) bool {
	for _, name := range e.loops.Running() {
		if name == "probe a worker" {
			return true
		}
	}
	return false
}

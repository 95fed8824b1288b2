package placement

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/demand"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/engine/preparation"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// none is an orchestrator that is asked for nothing.
type none struct{ orchestrator.Orchestrator }

func functionOf(n int) faas.Target {
	return faas.Target{
		Key:        faas.Key{FunctionID: fmt.Sprint("f", n), Revision: 1},
		ProjectID:  fmt.Sprint("p", n%50),
		RuntimeID:  "r",
		MemorySize: 1 << 25,
	}
}

// placerOf is a placer for so many workers that are functions' own, five of each function, and a
// tenth as many generic ones.
func placerOf(tb testing.TB, workers int) *Placer {
	tb.Helper()
	log, group := slog.New(slog.DiscardHandler), background.New(context.Background())
	client := dispatch.NewClient(func(string) string { return "" })
	tb.Cleanup(client.Close)
	tb.Cleanup(group.Stop)
	f := fleet.New(fleet.Config{
		Name: "engine", Orchestrator: none{}, Client: client, Group: group, ServerUp: func() {}, Now: time.Now, Log: log,
	})
	var shown []orchestrator.Change
	for n := range workers {
		of := functionOf(n / 5)
		shown = append(shown, orchestrator.Change{Worker: faas.Worker{
			ID: fmt.Sprint("own-", n), RuntimeID: "r", Key: of.Key, ProjectID: of.ProjectID, Ready: true, Slots: 3,
		}})
	}
	for n := range workers / 10 {
		shown = append(
			shown,
			orchestrator.Change{Worker: faas.Worker{ID: fmt.Sprint("generic-", n), RuntimeID: "r", Ready: true, Slots: 3}},
		)
	}
	f.Apply(shown)
	return New(Config{
		Client: client, Fleet: f, Demand: demand.New(time.Minute), Workers: 2 * workers, PerFunction: 10, Unowned: func() {}, Now: time.Now, Log: log,
		NoNode: func(string) string { return "" }, Waits: func() {},
		Preparer: preparation.New(preparation.Config{Serves: f.Serves, Group: group, Now: time.Now, Log: log}),
	})
}

// known acquires a worker of a function that has some.
func (p *Placer) known(tb testing.TB) {
	tb.Helper()
	req := faas.AcquireRequest{Target: functionOf(3), Caller: "c", Waiting: 1}
	if w, err := p.Acquire(tb.Context(), tb.Context(), req); err != nil || w.Key != req.Target.Key {
		tb.Fatalf("got %+v, %v", w, err)
	}
}

// fresh has a function without workers assigned a generic one, which is given back.
func (p *Placer) fresh(tb testing.TB) {
	tb.Helper()
	r := newRequest(faas.AcquireRequest{Target: functionOf(1_000_000), Caller: "c", Waiting: 1}, p.cfg.Now())
	if !p.join(r) {
		tb.Fatal("there is no place in the queue")
	}
	select {
	case a := <-r.assigned:
		if a.err != nil || a.serves || !a.worker.Generic() {
			tb.Fatalf("got %+v", a)
		}
		p.cfg.Fleet.Release(a.worker.ID)
	default:
		tb.Fatal("no worker is assigned at once")
	}
}

// vain has a function wait whose runtime has no worker, looks again, and gives up.
func (p *Placer) vain(tb testing.TB) {
	tb.Helper()
	target := functionOf(1_000_001)
	target.RuntimeID = "another"
	r := newRequest(faas.AcquireRequest{Target: target, Caller: "c", Waiting: 1}, p.cfg.Now())
	p.join(r)
	p.Retry()
	if p.overMemory(r) != nil || len(r.assigned) != 0 {
		tb.Fatal("a worker was assigned that is not there")
	}
	p.leave(r)
}

// TestCostDoesNotGrowWithTheWorkers counts the workers that are looked at for one request.
func TestCostDoesNotGrowWithTheWorkers(t *testing.T) {
	visits := func(workers int) (counts []int) {
		p := placerOf(t, workers)
		for _, acquire := range []func(testing.TB){p.known, p.fresh, p.vain} {
			before := p.index.Visits()
			acquire(t)
			counts = append(counts, p.index.Visits()-before)
		}
		return counts
	}
	few, many := visits(100), visits(10_000)
	for i, name := range []string{"a worker that serves", "a generic worker", "no worker"} {
		if few[i] != many[i] || many[i] > 10 {
			t.Errorf("for %s %d of 100 workers are looked at and %d of 10,000", name, few[i], many[i])
		}
	}
}

func BenchmarkAcquire(b *testing.B) {
	for _, workers := range []int{100, 10_000} {
		p := placerOf(b, workers)
		for name, acquire := range map[string]func(testing.TB){"known": p.known, "fresh": p.fresh, "vain": p.vain} {
			b.Run(fmt.Sprintf("%s/%d", name, workers), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					acquire(b)
				}
			})
		}
	}
}

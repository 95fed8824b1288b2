package placement

import (
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// waits has a request wait for a worker of a runtime that has none.
func (p *Placer) waits(tb testing.TB, function int, waited time.Duration, change func(*request)) {
	tb.Helper()
	target := functionOf(function)
	target.RuntimeID = "without"
	r := newRequest(faas.AcquireRequest{Target: target, Caller: "c", Waiting: 1, Waited: waited}, p.cfg.Now())
	if change != nil {
		change(r)
	}
	if !p.join(r) || len(r.assigned) != 0 {
		tb.Fatal("the request does not wait")
	}
}

// wants holds how many workers of the runtime are wanted.
func (p *Placer) wants(t *testing.T, want int, why string) {
	t.Helper()
	if got := p.Wanted(); got["without"] != want || len(got) > 1 {
		t.Errorf("wanted are %v, want %d: %s", got, want, why)
	}
}

func TestWantedWorkers(t *testing.T) {
	p := placerOf(t, 100)
	woken := 0
	p.cfg.Waits = func() { woken++ }
	p.wants(t, 0, "nobody waits")
	p.waits(t, 1_000, 0, nil)
	p.waits(t, 1_001, 0, nil)
	p.wants(t, 2, "one for each function")
	p.waits(t, 1_000, 0, nil)
	p.wants(t, 2, "a function gets a worker: it serves the other calls")
	p.waits(t, 1_000, time.Hour, nil)
	p.waits(t, 1_000, time.Hour, nil)
	p.wants(t, 3, "calls have waited for longer than a worker takes to start")
	if woken != 5 {
		t.Errorf("it was said %d times that somebody waits", woken)
	}
}

// TestWantedWorkersAreBounded has requests wait that are granted nothing.
func TestWantedWorkersAreBounded(t *testing.T) {
	p := placerOf(t, 100)
	for range 20 { // placerOf grants ten to each
		p.waits(t, 1_000, time.Hour, nil)
	}
	p.wants(t, 10, "a function may have ten")

	p = placerOf(t, 100)
	for n := range 20 {
		p.waits(t, 1_000+50*n, 0, func(r *request) { r.memory = 5 << 25 }) // of one project, which has none
	}
	p.wants(t, 5-p.index.HeldBy(functionOf(1_000).ProjectID), "a project may have five times a function's memory")
}

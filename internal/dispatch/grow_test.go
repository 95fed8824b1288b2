package dispatch

import (
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
)

// handClock moves when it is told to.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *handClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// TestGrowsWhenItIsWorthIt has calls wait for less than a worker would take, and then for longer.
func TestGrowsWhenItIsWorthIt(t *testing.T) {
	release := make(chan struct{})
	hold := func(w http.ResponseWriter, call faas.Call) {
		<-release
		succeed(w, call)
	}
	a, b := newAgent(t, testTarget.Key, hold), newAgent(t, testTarget.Key, hold)
	s := &supply{workers: []faas.Worker{a.worker, b.worker}}
	clock := &handClock{at: time.Now()}
	d := newDispatcher(t, s, time.Minute, 10)
	d.cfg.Now = clock.now
	registry := prometheus.NewRegistry()
	d.Register(registry)
	var calls sync.WaitGroup
	call := func() {
		calls.Go(func() {
			if _, err := d.Call(t.Context(), testTarget, aCall("1"), begin); err != nil {
				t.Error(err)
			}
		})
	}
	locked := func(f func(g *group) bool) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		g := d.groups[testTarget.Key]
		return g != nil && f(g)
	}
	call() // alone, so that one worker is asked for
	for !locked(func(g *group) bool { return len(g.workers) == 1 && g.growth.running == 0 }) {
		runtime.Gosched()
	}
	for range 5 {
		call()
	}
	for !locked(func(g *group) bool { return len(g.waiters) == 3 }) { // three run
		runtime.Gosched()
	}
	look := func(waited time.Duration) (searching bool) {
		clock.advance(waited)
		return locked(func(g *group) bool {
			g.look()
			return g.growth.running > 0 || len(g.workers) > 1
		})
	}
	if look(minGrowAfter / 2) {
		t.Error("a worker is asked for before one is worth it")
	}
	if !look(minGrowAfter / 2) {
		t.Error("no worker is asked for")
	}
	close(release)
	calls.Wait()
	for name, want := range map[string]float64{
		"faas_dispatch_calls_total": 6, "faas_dispatch_used_slots": 0, "faas_dispatch_waiting_calls": 0,
	} {
		if got := metric(t, registry, name); got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
}

// metric returns the value of a metric that has one series.
func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name && len(f.GetMetric()) == 1 {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s of one series", name)
	return 0
}

// TestStartCost follows what acquisitions take: on a slow machine calls must wait for longer.
func TestStartCost(t *testing.T) {
	var c startCost
	if got := c.growAfter(); got != minGrowAfter {
		t.Errorf("before any: %v", got)
	}
	for range 100 {
		c.add(40 * time.Millisecond)
	}
	if got := c.growAfter(); got != 80*time.Millisecond {
		t.Errorf("after acquisitions of 40 ms: %v", got)
	}
	for range 100 {
		c.add(time.Second) // those that waited for the pool to refill
	}
	if got := c.growAfter(); got != maxGrowAfter {
		t.Errorf("after acquisitions of a second: %v", got)
	}
}

// TestGrowsPastAWorkerThatOthersFill has a worker whose slots other processes use: it refuses each
// try, more often than another worker would be asked for if each try began to wait anew.
func TestGrowsPastAWorkerThatOthersFill(t *testing.T) {
	full := newAgent(t, testTarget.Key, func(w http.ResponseWriter, _ faas.Call) { refuse(w, faas.RefusedBusy) })
	free := newAgent(t, testTarget.Key, succeed)
	s := &supply{workers: []faas.Worker{full.worker, free.worker}}
	d := newDispatcher(t, s, time.Minute, 10)
	d.starts.mean = time.Second // acquisitions take long: the bound is the longest
	if _, err := d.Call(t.Context(), testTarget, aCall("1"), begin); err != nil {
		t.Fatal(err)
	}
	if full.calls.Load() < 2 || free.calls.Load() != 1 {
		t.Errorf("the workers were asked %d and %d times", full.calls.Load(), free.calls.Load())
	}
}

package pools

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/store"
)

// yard is an orchestrator of workers that never become ready. It keeps count of what it is asked.
type yard struct {
	orchestrator.Orchestrator
	fleet func() *fleet.Fleet

	mu       sync.Mutex
	extended []int
	reduced  int
	sizes    []int
}

func (y *yard) Token(string) string { return "" }

func (y *yard) SetPool(_ context.Context, pool orchestrator.Pool) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.sizes = append(y.sizes, pool.Size)
	return nil
}

func (y *yard) Extend(_ context.Context, pool orchestrator.Pool, n int) (ids []string, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.extended = append(y.extended, n)
	for i := range n {
		id := fmt.Sprint("extra-", len(y.extended), "-", i)
		ids = append(ids, id)
		y.show(faas.Worker{ID: id, RuntimeID: pool.RuntimeID})
	}
	return ids, nil
}

func (y *yard) Reduce(context.Context, string) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.reduced++
	return nil
}

func (y *yard) show(w faas.Worker) { y.fleet().Apply([]orchestrator.Change{{Worker: w}}) }

// extensions are Pools of one runtime with a pool of three, of which workers are wanted.
type extensions struct {
	*testing.T
	*yard
	cfg     Config
	pools   *Pools
	runtime string
	wanted  map[string]int // of this engine
	told    []faas.WorkersAwaited
	group   *background.Group
}

func newExtensions(t *testing.T) *extensions {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	url, log := "sqlite:///"+filepath.Join(t.TempDir(), "faas.sqlite"), slog.New(slog.DiscardHandler)
	must(store.Migrate(t.Context(), url))
	records, err := store.Open(t.Context(), url, store.Options{Log: log})
	must(err)
	t.Cleanup(func() { must(records.Close()) })
	rt, err := records.CreateRuntime(t.Context(), faas.Runtime{ProjectID: "p", Image: "python3"})
	must(err)
	must(records.SetRuntimeStatus(t.Context(), rt.ID, faas.RuntimeAvailable, ""))
	x := &extensions{T: t, yard: &yard{}, runtime: rt.ID, wanted: map[string]int{}, group: background.New(t.Context())}
	x.cfg = Config{
		Name: "engine-1", Runtimes: records.RuntimeStore, Shards: records.Shards(),
		Owns: func(string) bool { return true },
		Size: 3, Most: 5, Extra: 20, Workers: 100, Group: x.group, Now: time.Now, Log: log,
		Wanted: func() map[string]int { return x.wanted },
		Tell: func(_ context.Context, _ string, body []byte) error {
			var news faas.WorkersAwaited
			must(json.Unmarshal(body, &news))
			x.told = append(x.told, news)
			return nil
		},
	}
	t.Cleanup(x.group.Stop)
	x.with(func(*Config) {})
	return x
}

// with makes the pools anew, without workers.
func (x *extensions) with(change func(*Config)) {
	x.yard = &yard{}
	client := dispatch.NewClient(x.Token)
	x.Cleanup(client.Close)
	cfg := x.cfg
	cfg.Orchestrator = x.yard
	cfg.Fleet = fleet.New(fleet.Config{
		Orchestrator: x.yard, Client: client, Group: x.group, ServerUp: func() {}, Now: time.Now, Log: cfg.Log,
	})
	x.fleet = func() *fleet.Fleet { return cfg.Fleet }
	change(&cfg)
	x.pools = New(cfg)
	x.pools.sizes.set(x.runtime, 3)
}

// look has the pools look once who waits, and waits for what that starts.
func (x *extensions) look() {
	x.Helper()
	x.pools.grow(x.Context(), nil)
	if err := x.group.Wait(x.Context()); err != nil {
		x.Fatal(err)
	}
}

func (x *extensions) hear(engine string, n int) {
	body, _ := json.Marshal(faas.WorkersAwaited{Engine: engine, RuntimeID: x.runtime, Waiting: n})
	x.pools.HearWaiting(body)
}

func (x *extensions) expect(extended ...int) {
	x.Helper()
	if fmt.Sprint(x.extended) != fmt.Sprint(extended) {
		x.Errorf("workers are started by %v, want %v", x.extended, extended)
	}
}

// TestWorkersForAllWhoWait has seventeen requests wait while the pool of three is refilled.
func TestWorkersForAllWhoWait(t *testing.T) {
	x := newExtensions(t)
	x.look()
	x.expect()
	x.wanted[x.runtime] = 17
	x.look()
	x.look() // those that start are known by now
	x.expect(14)
	x.hear("engine-2", 2)
	x.look()
	x.expect(14, 2)
}

// TestWorkersForWhoWaitAreBounded has more wait than there may be workers.
func TestWorkersForWhoWaitAreBounded(t *testing.T) {
	x := newExtensions(t)
	x.with(func(c *Config) { c.Workers = 12 })
	for n := range 4 {
		x.show(faas.Worker{ID: fmt.Sprint("own-", n), RuntimeID: x.runtime, Key: testKey, Ready: true})
	}
	x.wanted[x.runtime] = 100
	x.look()
	x.look()
	x.expect(8) // there is no room for the pool's own

	x.with(func(*Config) {})
	x.wanted[x.runtime] = 100
	x.look()
	x.look()
	x.expect(20)

	x.with(func(c *Config) { c.Extra = 0 })
	x.wanted[x.runtime] = 100
	x.look()
	x.expect()
}

// TestOwnersAreToldWhoWaits has another engine own the runtime.
func TestOwnersAreToldWhoWaits(t *testing.T) {
	x := newExtensions(t)
	x.with(func(c *Config) { c.Owns = func(string) bool { return false } })
	x.wanted[x.runtime] = 5
	told := x.pools.grow(t.Context(), nil)
	delete(x.wanted, x.runtime)
	x.pools.grow(t.Context(), told)
	x.hear("engine-2", 5)
	x.look()
	x.expect()
	if len(x.told) != 2 || x.told[0].Waiting != 5 || x.told[1].Waiting != 0 || x.told[0].RuntimeID != x.runtime {
		t.Errorf("told %+v", x.told)
	}
}

// TestWhatIsToldHoldsForAWhile has an engine end that had requests wait.
func TestWhatIsToldHoldsForAWhile(t *testing.T) {
	var w waiting
	now := time.Unix(0, 0)
	hear := func(engine string, n int) {
		w.hear(faas.WorkersAwaited{Engine: engine, RuntimeID: "r", Waiting: n}, now)
	}
	hear("a", 4)
	now = now.Add(waitingFor)
	hear("b", 2)
	if got := w.now(now)["r"]; got != 6 {
		t.Errorf("%d wait, want 6", got)
	}
	if now = now.Add(1); w.now(now)["r"] != 2 {
		t.Errorf("%v wait when one engine has been silent", w.now(now))
	}
	if hear("b", 0); len(w.now(now)) != 0 || len(w.told) != 0 {
		t.Errorf("%v wait when none does", w.told)
	}
}

// TestPoolsRestWhenNobodyWaits follows a pool by the clock: it does not grow for the claims of a
// burst while that lasts, and what was started beside it ends a minute later.
func TestPoolsRestWhenNobodyWaits(t *testing.T) {
	now := time.Unix(0, 0)
	s := newSizes()
	s.set("r", 3)
	s.waits(map[string]int{"r": 9, "another": 0}, now)
	if s.begin("r", 5, now.Add(time.Second)) {
		t.Error("the pool grows while those who wait need what is started")
	}
	if s.surplus("r", 9, now.Add(shrinkAfter-1)) {
		t.Error("workers end that somebody waited for a moment ago")
	}
	now = now.Add(shrinkAfter)
	if s.surplus("r", 3, now) || s.surplus("another", 3, now) {
		t.Error("a pool that is as large as it should be has workers too many")
	}
	if !s.surplus("r", 4, now) || s.surplus("r", 4, now) {
		t.Error("what nobody needs is not ended once")
	}
	s.end("r")
	if s.surplus("r", 4, now.Add(time.Second)) {
		t.Error("workers that are about to end are ended again")
	}
	if !s.begin("r", 5, now) {
		t.Error("the pool does not grow when nobody waits")
	}
}

// TestGrowLooksWhenSomebodyWaits runs the loop by a clock that stands still while all wait.
func TestGrowLooksWhenSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		p := New(Config{
			Fleet:        fleet.New(fleet.Config{Orchestrator: &yard{}, Group: background.New(t.Context()), Now: time.Now}),
			Orchestrator: &yard{}, Owns: func(string) bool { return true }, Now: time.Now,
			Wanted: func() map[string]int { looks++; return map[string]int{"r": min(max(4-looks, 0), 1)} },
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); p.Grow(ctx) }()
		time.Sleep(time.Hour)
		if synctest.Wait(); looks != 0 {
			t.Errorf("%d looks while nobody waits", looks)
		}
		p.Awaited()
		time.Sleep(time.Hour)
		if synctest.Wait(); looks < 3 || looks > 6 {
			t.Errorf("%d looks, until none was wanted any more", looks)
		}
		cancel()
		<-ended
	})
}

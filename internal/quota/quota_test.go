package quota

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_700_000_000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// kept is a Keystone of the test's.
type kept struct {
	mu     sync.Mutex
	limits map[string]map[string]int64
	away   error
	asked  int
	ask    func() // called at each question, without the lock
}

func (k *kept) Ask(_ context.Context, project string) (map[string]int64, error) {
	if k.ask != nil {
		k.ask()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	return maps.Clone(k.limits[project]), k.away
}

func (k *kept) set(project, resource string, limit int64, away error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.limits, k.away = map[string]map[string]int64{project: {resource: limit, "not ours": 1}}, away
}

var defaults = faas.Amounts{faas.ResourceFunctions: 100, faas.ResourceExecutions: 10}

func unified(c *clock) (*Quotas, *kept, *strings.Builder) {
	k, log := &kept{}, &strings.Builder{}
	return New(Config{
		Driver: Unified{Ask: k.Ask}, Defaults: defaults, CacheTime: 10 * time.Second, Fallback: true, Now: c.now,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}), k, log
}

// may has a project have so many functions.
func may(t *testing.T, q *Quotas, project string, want int64) {
	t.Helper()
	limits, err := q.Limits(t.Context(), project)
	if err != nil || limits.Limit(faas.ResourceFunctions) != want || limits.Limit(faas.ResourceExecutions) != 10 ||
		len(limits) != 2 {
		t.Errorf("%s may have %v, want %d functions; %v", project, limits, want, err)
	}
}

// soon has a project have so many functions once what is under way is read.
func soon(t *testing.T, q *Quotas, project string, want int64) {
	t.Helper()
	if _, err := q.Limits(t.Context(), project); err != nil {
		t.Error(err)
	}
	settled(t, q)
	may(t, q, project, want)
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// settled waits until nothing is being read.
func settled(t *testing.T, q *Quotas) {
	t.Helper()
	for end := time.Now().Add(hangTimeout); ; runtime.Gosched() {
		q.mu.Lock()
		under := len(q.reads)
		for _, k := range q.known {
			if k.reading {
				under++
			}
		}
		q.mu.Unlock()
		if under == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a read does not end")
		}
	}
}

func TestLimitsAreRemembered(t *testing.T) {
	clock := newClock()
	q, k, _ := unified(clock)
	k.set("a", "functions", 5, nil)
	may(t, q, "a", 5)
	may(t, q, "b", 100)
	k.set("a", "functions", 6, nil)
	clock.pass(9 * time.Second)
	may(t, q, "a", 5)
	if k.asked != 2 {
		t.Errorf("asked %d times", k.asked)
	}
	clock.pass(time.Second)
	soon(t, q, "a", 6)
}

// TestDefaultsChange has other defaults hold at once, but over no limit of a project's own.
func TestDefaultsChange(t *testing.T) {
	q, k, _ := unified(newClock())
	k.set("a", "functions", 5, nil)
	may(t, q, "a", 5)
	may(t, q, "b", 100)
	defaults := maps.Clone(q.Defaults())
	q.SetDefaults(maps.Clone(defaults))
	if k.asked != 2 {
		t.Errorf("asked %d times", k.asked)
	}
	defaults[faas.ResourceFunctions] = 7
	q.SetDefaults(defaults)
	may(t, q, "a", 5)
	may(t, q, "b", 7)
}

func TestLimitsWhileTheyCannotBeRead(t *testing.T) {
	clock := newClock()
	q, k, log := unified(clock)
	k.set("a", "functions", 5, nil)
	may(t, q, "a", 5)
	k.set("a", "functions", 7, errors.New("away"))
	for range 5 {
		clock.pass(time.Minute)
		may(t, q, "a", 5)
		may(t, q, "b", 100)
	}
	if n := strings.Count(log.String(), "cannot be read"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log)
	}
	settled(t, q)
	asked := k.asked
	may(t, q, "a", 5)
	settled(t, q)
	if k.asked != asked {
		t.Error("asked again at once")
	}
	k.set("a", "functions", 7, nil)
	clock.pass(retryPause)
	soon(t, q, "a", 7)
	if !strings.Contains(log.String(), "can be read again") {
		t.Errorf("the end was not logged:\n%s", log)
	}

	strict := New(
		Config{Driver: Unified{Ask: k.Ask}, Defaults: defaults, Now: clock.now, Log: slog.New(slog.DiscardHandler)},
	)
	k.set("a", "functions", 7, errors.New("away"))
	if limits, err := strict.Limits(t.Context(), "a"); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("defaults hold where they must not: %v, %v", limits, err)
	}
}

func TestSetLimitsHoldAtOnce(t *testing.T) {
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clock := newClock()
	process := func() *Quotas {
		return New(Config{
			Driver: Database{Store: s.QuotaStore}, Defaults: defaults, CacheTime: 10 * time.Second, Now: clock.now,
		})
	}
	here, there := process(), process()
	may(t, here, "a", 100)
	may(t, there, "a", 100)
	five := int64(5)
	if err := here.Set(t.Context(), "a", map[faas.Resource]*int64{faas.ResourceFunctions: &five}); err != nil {
		t.Fatal(err)
	}
	may(t, here, "a", 5)
	may(t, there, "a", 100)
	clock.pass(10 * time.Second)
	soon(t, there, "a", 5)
	if err := here.Reset(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	may(t, here, "a", 100)
}

// TestSetDuringRead has limits be changed while they are read: what was read before is not
// remembered.
func TestSetDuringRead(t *testing.T) {
	clock := newClock()
	q, k, _ := unified(clock)
	q.cfg.Driver = settable{Unified{Ask: k.Ask}}
	k.set("a", "functions", 5, nil)
	reading, read := make(chan struct{}), make(chan struct{})
	k.ask = func() { close(reading); <-read }
	var first sync.WaitGroup
	first.Go(func() { _, _ = q.Limits(t.Context(), "a") })
	<-reading
	k.ask = nil
	k.set("a", "functions", 6, nil)
	if err := q.Set(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	close(read)
	first.Wait()
	may(t, q, "a", 6)
}

// settable takes changes and does nothing with them.
type settable struct{ Unified }

func (settable) Set(context.Context, string, map[faas.Resource]*int64) error { return nil }

func TestKeystonesLimitsAreNotOursToChange(t *testing.T) {
	q, _, _ := unified(newClock())
	for _, err := range []error{q.Set(t.Context(), "a", nil), q.Reset(t.Context(), "a")} {
		if faas.KindOf(err) != faas.Conflict || !strings.Contains(err.Error(), "in Keystone's unified limits") {
			t.Errorf("got %v", err)
		}
	}
}

func TestFewProjectsAreRemembered(t *testing.T) {
	clock := newClock()
	q, k, _ := unified(clock)
	k.set("a", "functions", 5, nil)
	for n := range maxKnown + 10 {
		if _, err := q.Limits(t.Context(), string(rune('a'+n%26))+string(rune(0x4e00+n))); err != nil {
			t.Fatal(err)
		}
	}
	if len(q.known) > maxKnown {
		t.Errorf("%d are remembered", len(q.known))
	}
	may(t, q, "a", 5)
}

package sharedcache_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/sharedcache"
	"github.com/openstack-faas/faas/internal/testkit"
)

// clock is time that a test moves.
type clock struct{ by atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.by.Load())) }
func (c *clock) pass(d time.Duration) { c.by.Add(int64(d)) }

// watched is a cache with its log, its clock and its metrics.
func watched(t *testing.T, server *testkit.Memcached, timeout time.Duration) (
	*sharedcache.Cache, *clock, *bytes.Buffer, *prometheus.Registry,
) {
	time, log, registry := &clock{}, &bytes.Buffer{}, prometheus.NewRegistry()
	c := process(t, []string{server.Address()}, func(c *sharedcache.Config) {
		c.Now, c.Log, c.Timeout = time.now, slog.New(slog.NewTextHandler(log, nil)), timeout
	})
	c.Register(registry)
	return c, time, log, registry
}

const pause = 5 * time.Second // after a failure

// TestAway has memcached be killed and started again, twice: everything is missing meanwhile, most
// of it without a request, and the log has a line for each change.
func TestAway(t *testing.T) {
	server := testkit.StartMemcached(t)
	c, clock, log, registry := watched(t, server, time.Minute)
	for range 2 {
		c.Put("token", "a", []byte("value"), time.Hour)
		must(t, c, "token", "a", "value")
		server.Kill()
		failed, skipped := counted(t, registry, "failed"), counted(t, registry, "skipped")
		for range 100 {
			mustNot(t, c, "token", "a")
		}
		c.Put("token", "a", []byte("value"), time.Hour)
		failed, skipped = counted(t, registry, "failed")-failed, counted(t, registry, "skipped")-skipped
		if failed == 0 || failed > 2 || skipped < 98 {
			t.Errorf("of 100 requests %v failed and %v were not sent", failed, skipped)
		}
		finish := c.Turn(t.Context(), "token", "a", func() bool { return false })
		if finish == nil {
			t.Fatal("somebody has found out what nobody can have")
		}
		finish(true)
		server.Start()
		clock.pass(pause)
		mustNot(t, c, "token", "a")
	}
	warned, well := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "answers again")
	if warned != 2 || well != 2 {
		t.Errorf("the log has %d warnings and %d ends of them:\n%s", warned, well, log)
	}
}

// TestRestarted has connections that were idle end with the server that they were to: the next
// request does not fail for that.
func TestRestarted(t *testing.T) {
	server := testkit.StartMemcached(t)
	c, _, log, _ := watched(t, server, time.Minute)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { c.Put("token", "a", []byte("value"), time.Hour) })
	}
	all.Wait()
	server.Kill()
	server.Start()
	c.Put("token", "a", []byte("again"), time.Hour)
	must(t, c, "token", "a", "again")
	if log.Len() != 0 {
		t.Errorf("the log has %s", log)
	}
}

// TestHangs has a memcached take requests and answer none: they end by themselves, and only as many
// wait as there are connections.
func TestHangs(t *testing.T) {
	server := testkit.StartMemcached(t)
	c, clock, _, registry := watched(t, server, 200*time.Millisecond)
	c.Put("token", "a", []byte("value"), time.Hour)
	server.Stop(true)
	for range 5 {
		mustNot(t, c, "token", "a")
	}
	if failed := counted(t, registry, "failed"); failed != 1 {
		t.Errorf("%v requests were waited for", failed)
	}
	server.Stop(false)
	for end := time.Now().Add(5 * time.Minute); ; {
		clock.pass(pause)
		if got, ok := c.Get("token", "a"); ok && string(got) == "value" {
			return
		} else if time.Now().After(end) {
			t.Fatal("a server that answers again is not used")
		}
	}
}

// TestTurns has many processes want to know something at once.
func TestTurns(t *testing.T) {
	server := testkit.StartMemcached(t)
	for _, test := range []struct {
		name     string
		ok       bool
		min, max int64 // who find out
	}{{"found", true, 1, 1}, {"not to be found", false, 2, 40}} {
		t.Run(test.name, func(t *testing.T) {
			var all sync.WaitGroup
			var worked atomic.Int64
			for range 40 {
				c := process(t, []string{server.Address()}, nil)
				all.Go(func() {
					var value []byte
					found := func() (ok bool) {
						value, ok = c.Get(test.name, "a")
						return ok
					}
					finish := c.Turn(t.Context(), test.name, "a", found)
					if finish != nil {
						worked.Add(1)
						if test.ok {
							value = []byte("value")
							c.Put(test.name, "a", value, time.Hour)
						}
						finish(test.ok)
					}
					if test.ok && string(value) != "value" {
						t.Errorf("found %q", value)
					}
				})
			}
			all.Wait()
			if n := worked.Load(); n < test.min || n > test.max {
				t.Errorf("%d found out", n)
			}
		})
	}
}

// TestTurnOfTheDead has a process die in its turn: others wait for a while, one of them takes the
// turn, and who has given up waits for nobody.
func TestTurnOfTheDead(t *testing.T) {
	server := testkit.StartMemcached(t)
	short := func(c *sharedcache.Config) { c.Turn = time.Second }
	dead, one := process(t, []string{server.Address()}, short), process(t, []string{server.Address()}, short)
	never := func() bool { return false }
	if dead.Turn(t.Context(), "token", "a", never) == nil {
		t.Fatal("nobody has the turn")
	}
	gone, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the caller has left"))
	if finish := one.Turn(gone, "token", "a", never); finish == nil {
		t.Fatal("who has given up is told that it was found")
	}
	if finish := one.Turn(t.Context(), "token", "a", never); finish == nil {
		t.Fatal("the turn of a dead process is nobody's")
	} else {
		finish(true)
	}
}

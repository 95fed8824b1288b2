package sharedcache_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/sharedcache"
	"github.com/openstack-faas/faas/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secret = faas.Secret(strings.Repeat("s", 32))

// process returns the cache of one process of the service.
func process(t *testing.T, servers []string, change func(*sharedcache.Config)) *sharedcache.Cache {
	t.Helper()
	cfg := sharedcache.Config{
		Servers: servers, Secret: secret, Log: slog.New(slog.DiscardHandler),
		Timeout: time.Minute, // what is not about servers that hang must not depend on how fast they are
	}
	if change != nil {
		change(&cfg)
	}
	c, err := sharedcache.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func must(t *testing.T, c *sharedcache.Cache, kind, id, want string) {
	t.Helper()
	if got, ok := c.Get(kind, id); !ok || string(got) != want {
		t.Errorf("%s %s is %q, %v; want %q", kind, id, got, ok, want)
	}
}

func mustNot(t *testing.T, c *sharedcache.Cache, kind, id string) {
	t.Helper()
	if got, ok := c.Get(kind, id); ok {
		t.Errorf("%s %s is %q; nothing was wanted", kind, id, got)
	}
}

func TestShared(t *testing.T) {
	servers := []string{testkit.StartMemcached(t).Address(), testkit.StartMemcached(t).Address()}
	one, other := process(t, servers, nil), process(t, servers, nil)
	for n := range 50 { // on both servers
		one.Put("token", fmt.Sprint(n), []byte(fmt.Sprint("value ", n)), time.Hour)
	}
	for n := range 50 {
		must(t, other, "token", fmt.Sprint(n), fmt.Sprint("value ", n))
		mustNot(t, other, "check", fmt.Sprint(n))
	}
	other.Put("token", "1", []byte("another"), time.Hour)
	must(t, one, "token", "1", "another")
	one.Delete("token", "1")
	mustNot(t, other, "token", "1")
	one.Put("token", "2", nil, time.Hour)
	must(t, other, "token", "2", "")
	one.Put("token", "3", []byte("short"), time.Second/2)
	must(t, other, "token", "3", "value 3") // what lives for less than a second is not put there
	one.Put("token", "4", make([]byte, 1<<20), time.Hour)
	must(t, other, "token", "4", "value 4")
	mustNot(t, process(t, servers, func(c *sharedcache.Config) { c.Secret += "x" }), "token", "5")
	var none *sharedcache.Cache
	none.Put("token", "5", nil, time.Hour)
	none.Delete("token", "5")
	mustNot(t, none, "token", "5")
	none.Close()
}

func TestConfig(t *testing.T) {
	for what, cfg := range map[string]sharedcache.Config{
		"no server": {Secret: secret}, "a short secret": {Servers: []string{"127.0.0.1:1"}, Secret: "short"},
	} {
		if _, err := sharedcache.New(cfg); err == nil || strings.Contains(err.Error(), "short ") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// entries returns what memcached holds, by name.
func entries(t *testing.T, m *testkit.Memcached, raw *memcache.Client, count int) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, name := range m.Names() {
		item, err := raw.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = item.Value
	}
	if len(found) != count {
		t.Fatalf("memcached holds %d entries, not %d", len(found), count)
	}
	return found
}

// TestAttacks has somebody read and write all of memcached.
func TestAttacks(t *testing.T) {
	server := testkit.StartMemcached(t)
	raw := memcache.New(server.Address())
	defer raw.Close()
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	registry := prometheus.NewRegistry()
	c := process(t, []string{server.Address()}, func(c *sharedcache.Config) {
		c.Now = func() time.Time { return time.Unix(0, now.Load()) }
	})
	c.Register(registry)
	// Lengths of which each bit of the base64 counts.
	c.Put("token", "trust-of-alice", []byte("the token of alice"), time.Hour)
	c.Put("token", "trust-of-mallory", []byte("a token of mallory"), time.Hour)
	held := entries(t, server, raw, 2)
	var names []string
	for name, value := range held {
		names = append(names, name)
		for _, word := range []string{"trust", "alice", "mallory", "token"} {
			if strings.Contains(name, word) || bytes.Contains(value, []byte(word)) {
				t.Errorf("memcached shows %q: %s %s", word, name, value)
			}
		}
	}
	write := func(name string, value []byte) {
		t.Helper()
		if err := raw.Set(&memcache.Item{Key: name, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	refuse := func(what string) {
		t.Helper()
		for _, id := range []string{"trust-of-alice", "trust-of-mallory"} {
			if got, ok := c.Get("token", id); ok {
				t.Errorf("%s: %s has %q", what, id, got)
			}
		}
	}
	write(names[0], held[names[1]])
	write(names[1], held[names[0]])
	refuse("swapped")
	for length := range held[names[0]] {
		write(names[0], held[names[0]][:length])
		write(names[1], append(bytes.Clone(held[names[1]]), held[names[0]][:length+1]...))
		refuse(fmt.Sprint("cut or lengthened to ", length))
	}
	for at := range held[names[0]] {
		for i := range names {
			changed := bytes.Clone(held[names[i]])
			changed[at%len(changed)] ^= 2 // another letter of base64, or none
			write(names[i], changed)
		}
		refuse(fmt.Sprint("changed at ", at))
	}
	for _, text := range []string{"", "{}", strings.Repeat("A", 1000), "\x00\xff"} {
		write(names[0], []byte(text))
		write(names[1], []byte(text))
		refuse("made up")
	}
	for name, value := range held { // as they were
		write(name, value)
	}
	must(t, c, "token", "trust-of-alice", "the token of alice")
	must(t, c, "token", "trust-of-mallory", "a token of mallory")
	now.Add(int64(time.Hour))
	refuse("put back after its end")
	if counted(t, registry, "unusable") == 0 || counted(t, registry, "ok") == 0 {
		t.Error("entries that are of no use are not counted")
	}
}

// counted returns how many reads had the result.
func counted(t *testing.T, registry *prometheus.Registry, result string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() != "faas_memcached_requests_total" {
				continue
			}
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["method"] == "get" && labels["result"] == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

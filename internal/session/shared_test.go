package session

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/sharedcache"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// cloud is a Keystone, a memcached and as many processes as a test wants, on a clock of the test's.
type cloud struct {
	by        atomic.Int64 // how far the clock is ahead
	keystone  *testkit.FakeKeystone
	memcached *testkit.Memcached
	processes []*Sessions
	clients   []*keystone.Client
}

func (c *cloud) now() time.Time       { return time.Now().Add(time.Duration(c.by.Load())) }
func (c *cloud) pass(d time.Duration) { c.by.Add(int64(d)) }

const secretOfAll = "the secret of all processes, 32 letters"

func newCloud(t *testing.T, processes int) *cloud {
	t.Helper()
	c := &cloud{memcached: testkit.StartMemcached(t)}
	c.keystone = testkit.NewFakeKeystone(t, c.now)
	for range processes {
		c.join(t, secretOfAll)
	}
	return c
}

// join starts a process.
func (c *cloud) join(t *testing.T, secret faas.Secret) *Sessions {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	shared, err := sharedcache.New(sharedcache.Config{
		Servers: []string{c.memcached.Address()}, Secret: secret, Now: c.now, Timeout: hangTimeout, Turn: hangTimeout,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := keystone.New(keystone.Config{
		AuthURL: c.keystone.URL, Username: "faas", Password: c.keystone.Password, Project: "service", Region: "one",
		Timeout: hangTimeout, CacheTime: defaultCheck, Now: c.now, Log: quiet, Shared: shared,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Source: Keystone{Client: client}, Shared: shared, Wait: hangTimeout, Now: c.now, Log: quiet})
	t.Cleanup(func() {
		s.Close()
		client.CloseIdleConnections()
		shared.Close()
	})
	c.processes, c.clients = append(c.processes, s), append(c.clients, client)
	return s
}

// all has every process get a token of every trust, all at once, and returns the tokens that they
// got by trust.
func (c *cloud) all(t *testing.T, trusts []string) map[string]map[string]int {
	t.Helper()
	return askAll(t, c.processes, trusts)
}

func askAll(t *testing.T, processes []*Sessions, trusts []string) map[string]map[string]int {
	t.Helper()
	var mu sync.Mutex
	got := map[string]map[string]int{}
	var calls sync.WaitGroup
	for _, trust := range trusts {
		tokens := map[string]int{}
		got[trust] = tokens
		for _, s := range processes {
			calls.Go(func() {
				session, err := s.Get(t.Context(), trust, time.Minute)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					tokens[string(faas.KindOf(err))]++
				} else {
					tokens[session.Token.Reveal()]++
				}
			})
		}
	}
	calls.Wait()
	return got
}

// use has time pass in which every process uses its tokens.
func (c *cloud) use(t *testing.T, d time.Duration, trusts []string) {
	t.Helper()
	c.pass(time.Second)
	c.all(t, trusts)
	c.pass(d)
}

// same has all processes have the same token of each trust, and returns them.
func (c *cloud) same(t *testing.T, when string, trusts []string) map[string]string {
	t.Helper()
	tokens := map[string]string{}
	for trust, got := range c.all(t, trusts) {
		if len(got) != 1 {
			t.Errorf("%s, %s: %d tokens are in use", when, trust, len(got))
		}
		for token := range got {
			tokens[trust] = token
		}
	}
	return tokens
}

// round has every process look which tokens are to be renewed or checked, all at once.
func (c *cloud) round() { renewAll(c.processes) }

func renewAll(processes []*Sessions) {
	var rounds sync.WaitGroup
	for _, s := range processes {
		rounds.Go(func() {
			s.renew()
			for range renewParallel { // until the last of its requests are over
				s.renewal <- struct{}{}
			}
			for range renewParallel {
				<-s.renewal
			}
		})
	}
	rounds.Wait()
}

// issued returns how many tokens Keystone issued by the trusts.
func (c *cloud) issued(trusts []string) (n int) {
	for _, trust := range trusts {
		n += c.keystone.TrustLogins(trust)
	}
	return n
}

func (c *cloud) expectIssued(t *testing.T, when string, trusts []string, want int) {
	t.Helper()
	if n := c.issued(trusts); n != want {
		t.Errorf("%s: Keystone has issued %d tokens by %d trusts, not %d", when, n, len(trusts), want)
	}
}

// TestOneTokenForAllProcesses has 200 processes start at once and run for an hour: each trust's
// token is got once, checked once in five minutes, and renewed once.
func TestOneTokenForAllProcesses(t *testing.T) {
	c := newCloud(t, 200)
	var trusts []string
	for n := range 2 {
		trusts = append(trusts, fmt.Sprint("trust", n))
		c.keystone.Trust(trusts[n], true)
	}
	first := c.same(t, "at first", trusts)
	c.expectIssued(t, "at first", trusts, len(trusts))
	if first[trusts[0]] == first[trusts[1]] {
		t.Error("two trusts have one token")
	}
	for _, name := range c.memcached.Names() {
		if strings.Contains(name, "trust") {
			t.Errorf("memcached has %s", name)
		}
	}

	for n := range 2 { // checks
		c.use(t, defaultCheck, trusts)
		before, _ := c.keystone.Requests()
		c.round()
		c.same(t, "after a check", trusts)
		if after, _ := c.keystone.Requests(); after-before != len(trusts) {
			t.Errorf("check %d: Keystone was asked %d times about %d tokens", n, after-before, len(trusts))
		}
	}
	c.expectIssued(t, "after checks", trusts, len(trusts))

	c.use(t, time.Hour-2*defaultCheck-renewAhead-30*time.Second, trusts)
	c.round()
	next := c.same(t, "after a renewal", trusts)
	c.expectIssued(t, "after a renewal", trusts, 2*len(trusts))
	if next[trusts[0]] == first[trusts[0]] {
		t.Error("a token was not renewed")
	}

	late := c.join(t, secretOfAll) // as a process that is started again
	if got, err := late.Get(t.Context(), trusts[0], time.Minute); err != nil || got.Token.Reveal() != next[trusts[0]] {
		t.Errorf("a process that comes later: %v", err)
	}
	c.expectIssued(t, "for one who comes later", trusts, 2*len(trusts))
	stranger := c.join(t, secretOfAll+"!")
	if got, err := stranger.Get(t.Context(), trusts[0], time.Minute); err != nil || got.Token.Reveal() == next[trusts[0]] {
		t.Errorf("with another secret: %v", err)
	}
}

// TestRevocationIsShared has tokens be revoked, and then a trust be deleted.
func TestRevocationIsShared(t *testing.T) {
	c := newCloud(t, 40)
	trusts := []string{"a", "b"}
	c.keystone.Trust("a", true)
	c.keystone.Trust("b", true)
	first := c.same(t, "at first", trusts)

	c.keystone.RevokeTrustTokens("a")
	c.use(t, defaultCheck, trusts)
	c.round()
	next := c.same(t, "after a check", trusts)
	if next["a"] == first["a"] || next["b"] != first["b"] {
		t.Error("a revoked token goes on, or one that was not revoked was renewed")
	}
	c.expectIssued(t, "after a revocation", trusts, 3)

	// A service refuses the token before it is checked: each process says so when it meets that.
	c.keystone.RevokeTrustTokens("b")
	for _, s := range c.processes {
		s.Renew("b")
	}
	after := c.same(t, "after a refusal", trusts)
	if after["b"] == next["b"] {
		t.Error("a token that a service refused goes on")
	}
	c.expectIssued(t, "after a refusal", trusts, 4)

	c.keystone.DeleteTrust("a")
	_, before := c.keystone.Requests()
	c.use(t, defaultCheck, trusts)
	c.round()
	for answer, n := range c.all(t, []string{"a"})["a"] {
		if answer != string(faas.Forbidden) {
			t.Errorf("%d processes go on with a trust that is deleted: %s", n, answer)
		}
	}
	if _, logins := c.keystone.Requests(); logins-before > 10 {
		t.Errorf("Keystone was asked for %d tokens of a trust that is deleted", logins-before)
	}

	c.processes[0].Forget("b") // whoever deletes a trust
	c.keystone.DeleteTrust("b")
	if _, err := c.join(t, secretOfAll).Get(t.Context(), "b", time.Minute); faas.KindOf(err) != faas.Forbidden {
		t.Errorf("by a trust that is deleted: %v", err)
	}
}

// TestWithoutMemcached has memcached be gone: every process gets its own.
func TestWithoutMemcached(t *testing.T) {
	c := newCloud(t, 10)
	c.keystone.Trust("a", true)
	c.memcached.Kill()
	if got := c.all(t, []string{"a"})["a"]; len(got) != 10 || got[string(faas.Unavailable)] > 0 {
		t.Errorf("%d tokens", len(got))
	}
	c.expectIssued(t, "without memcached", []string{"a"}, 10)
}

// TestKeystoneAwayForAll has Keystone fail: nobody waits for the turn of others. When it is back,
// all get a token.
func TestKeystoneAwayForAll(t *testing.T) {
	c := newCloud(t, 20)
	c.keystone.Trust("a", true)
	c.keystone.Cut(true)
	if got := c.all(t, []string{"a"})["a"]; got[string(faas.Unavailable)] != 20 {
		t.Errorf("without Keystone: %v", got)
	}
	c.keystone.Cut(false)
	c.pass(time.Minute)
	for end := time.Now().Add(hangTimeout); ; {
		got := c.all(t, []string{"a"})["a"]
		if got[string(faas.Unavailable)] == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("Keystone is back: %v", got)
		}
		c.pass(unavailableFor)
	}
}

package keystone

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/testkit"
)

// clock is time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)} }

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

// newTest makes a client of a Keystone that does what the test wants.
func newTest(t *testing.T, change func(*Config)) (*Client, *testkit.FakeKeystone, *clock) {
	t.Helper()
	clock := newClock()
	fake := testkit.NewFakeKeystone(t, clock.now)
	cfg := Config{
		AuthURL: fake.URL, Username: "faas", Password: fake.Password, Project: "service", Region: "one",
		CacheTime: 5 * time.Minute, OutageTime: 30 * time.Minute, Now: clock.now, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c, fake, clock
}

var demo = testkit.FakeToken{User: "u-demo", Project: "p-demo", Roles: []string{"member", "reader"}}

// asked counts the requests about tokens and projects that f makes.
func asked(fake *testkit.FakeKeystone, f func()) int {
	before, _ := fake.Requests()
	f()
	after, _ := fake.Requests()
	return after - before
}

// mustBe has the token be valid, or the error be the given one.
func mustBe(ctx context.Context, t *testing.T, c *Client, token string, want error) {
	t.Helper()
	got, err := c.Validate(ctx, token)
	switch {
	case want == nil && (err != nil || got.UserID != "u-demo"):
		t.Fatalf("%s: %+v, %v; it is valid", token, got, err)
	case want != nil && !isError(err, want):
		t.Fatalf("%s: %v; must be %v", token, err, want)
	}
}

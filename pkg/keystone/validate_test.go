package keystone

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/testkit"
)

func isError(err, want error) bool { return errors.Is(err, want) }

// TestValidateRemembers asks once within the cache time, and again after it: then a revocation is
// noticed.
func TestValidateRemembers(t *testing.T) {
	c, fake, clock := newTest(t, nil)
	fake.Issue("good", demo)
	mustBe(t.Context(), t, c, "good", nil)
	fake.Revoke("good")
	clock.pass(5*time.Minute - time.Second)
	if n := asked(fake, func() { mustBe(t.Context(), t, c, "good", nil) }); n != 0 {
		t.Errorf("Keystone was asked %d times about a token that it confirmed a moment ago", n)
	}
	clock.pass(time.Second)
	mustBe(t.Context(), t, c, "good", ErrInvalidToken)
}

// TestValidateNeverBeyondExpiry has a token end within the cache time, while Keystone is there and
// while it is away.
func TestValidateNeverBeyondExpiry(t *testing.T) {
	c, fake, clock := newTest(t, nil)
	short := demo
	short.Expires = clock.now().Add(time.Minute)
	fake.Issue("short", short)
	mustBe(t.Context(), t, c, "short", nil)
	clock.pass(time.Minute)
	fake.Cut(true)
	if n := asked(fake, func() { mustBe(t.Context(), t, c, "short", ErrInvalidToken) }); n != 0 {
		t.Errorf("Keystone was asked %d times about a token that is over", n)
	}
	fake.Cut(false)
	if _, err := c.ValidateExpired(t.Context(), "short"); err != nil {
		t.Errorf("expired a moment ago, for a service: %v", err)
	}
	mustBe(t.Context(), t, c, "short", ErrInvalidToken) // for everybody else
}

// TestValidateWithoutCache asks each time.
func TestValidateWithoutCache(t *testing.T) {
	c, fake, _ := newTest(t, func(cfg *Config) { cfg.CacheTime = 0 })
	fake.Issue("good", demo)
	if n := asked(fake, func() {
		for range 3 {
			mustBe(t.Context(), t, c, "good", nil)
		}
	}); n != 3 {
		t.Errorf("asked %d times", n)
	}
	fake.Revoke("good")
	mustBe(t.Context(), t, c, "good", ErrInvalidToken)
}

// TestValidateIsOneRequest has many ask about one token at a time, one of whom gives up.
func TestValidateIsOneRequest(t *testing.T) {
	c, fake, _ := newTest(t, nil)
	fake.Issue("good", demo)
	if _, err := c.ServiceToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	fake.Hold(gate)
	n := asked(fake, func() {
		impatient, giveUp := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() { _, err := c.Validate(impatient, "good"); first <- err }()
		until(t, func() bool { n, _ := fake.Requests(); return n == 1 })
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { mustBe(t.Context(), t, c, "good", nil) })
		}
		giveUp()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v", err)
		}
		close(gate)
		all.Wait()
	})
	if n != 1 {
		t.Errorf("%d requests for one token", n)
	}
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// until waits for what a goroutine will do.
func until(t *testing.T, done func() bool) {
	t.Helper()
	deadline, tick := time.After(hangTimeout), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come about")
		}
	}
}

// TestRefusalsAreRemembered has a bad token, and more made-up ones than are remembered of either
// kind.
func TestRefusalsAreRemembered(t *testing.T) {
	c, fake, clock := newTest(t, func(cfg *Config) { cfg.CacheSize = 10 })
	fake.Issue("good", demo)
	mustBe(t.Context(), t, c, "good", nil)
	if n := asked(fake, func() {
		mustBe(t.Context(), t, c, "bad", ErrInvalidToken)
		mustBe(t.Context(), t, c, "bad", ErrInvalidToken)
	}); n != 1 {
		t.Errorf("asked %d times about a token that was refused", n)
	}
	clock.pass(refusedTime)
	if n := asked(fake, func() { mustBe(t.Context(), t, c, "bad", ErrInvalidToken) }); n != 1 {
		t.Errorf("asked %d times once the refusal was old", n)
	}
	for i := range 50 {
		mustBe(t.Context(), t, c, fmt.Sprintf("bad%d", i), ErrInvalidToken)
	}
	if c.refused.len() != 10 {
		t.Errorf("%d refusals are remembered", c.refused.len())
	}
	if n := asked(fake, func() { mustBe(t.Context(), t, c, "good", nil) }); n != 0 {
		t.Error("made-up tokens pushed out a good one")
	}
}

// TestMemoryIsBounded has more good tokens than are remembered: the one that was not used for the
// longest is asked for again.
func TestMemoryIsBounded(t *testing.T) {
	c, fake, _ := newTest(t, func(cfg *Config) { cfg.CacheSize = 3 })
	for _, token := range []string{"a", "b", "c", "d"} {
		fake.Issue(token, demo)
	}
	for _, token := range []string{"a", "b", "c", "a", "d"} { // b goes
		mustBe(t.Context(), t, c, token, nil)
	}
	for token, want := range map[string]int{"a": 0, "c": 0, "d": 0} {
		if n := asked(fake, func() { mustBe(t.Context(), t, c, token, nil) }); n != want {
			t.Errorf("%s: asked %d times", token, n)
		}
	}
	if n := asked(fake, func() { mustBe(t.Context(), t, c, "b", nil) }); n != 1 || c.Stats().Known != 3 {
		t.Errorf("b: asked %d times; %d are remembered", n, c.Stats().Known)
	}
}

// TestImplausibleTokens never reach Keystone.
func TestImplausibleTokens(t *testing.T) {
	c, fake, _ := newTest(t, nil)
	for name, token := range map[string]string{
		"none": "", "space": "a b", "line": "a\r\nX-Auth-Token: b", "not ASCII": "tökén", "long": strings.Repeat(
			"a", maxToken+1,
		),
	} {
		if n := asked(fake, func() { mustBe(t.Context(), t, c, token, ErrInvalidToken) }); n != 0 {
			t.Errorf("%s: asked", name)
		}
	}
}

// TestTokenKinds has what Keystone says of each.
func TestTokenKinds(t *testing.T) {
	c, fake, _ := newTest(t, nil)
	fake.Issue(
		"credential",
		testkit.FakeToken{User: "u", Project: "p", Roles: []string{"member"}, AppCredential: map[string]any{
			"id": "c", "name": "n", "restricted": true, "access_rules": []any{
				map[string]any{"id": "r", "service": "function-engine", "method": "GET", "path": "/v1/**"},
			},
		}},
	)
	fake.Issue("trust", testkit.FakeToken{User: "u", Project: "p", Roles: []string{"member"}, Trust: "t"})
	fake.Issue("unscoped", testkit.FakeToken{User: "u"})
	get := func(token string) *Token {
		got, err := c.Validate(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if a := get("credential").AppCredential; a == nil || a.ID != "c" || !a.Restricted || len(a.Rules) != 1 ||
		a.Rules[0] != (AccessRule{"function-engine", "GET", "/v1/**"}) {
		t.Errorf("application credential: %+v", a)
	}
	if got := get("trust"); got.TrustID != "t" || got.TrustorID != "u" {
		t.Errorf("trust: %+v", got)
	}
	if got := get("unscoped"); got.Scoped() || len(got.Roles) != 0 {
		t.Errorf("unscoped: %+v", got)
	}
}

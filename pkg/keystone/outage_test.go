package keystone

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/testkit"
)

// TestOutage has Keystone be away in each way that it has: known tokens go on for the time that the
// operator says, unknown ones do not, and it is asked once a second at most.
func TestOutage(t *testing.T) {
	for name, trouble := range map[string]func(fake *testkit.FakeKeystone, on bool){
		"cut": (*testkit.FakeKeystone).Cut,
		"500": func(
			fake *testkit.FakeKeystone, on bool,
		) {
			fake.Answer(pickStatus(on, http.StatusInternalServerError))
		},
		"503": func(
			fake *testkit.FakeKeystone, on bool,
		) {
			fake.Answer(pickStatus(on, http.StatusServiceUnavailable))
		},
		"429":         func(fake *testkit.FakeKeystone, on bool) { fake.Answer(pickStatus(on, http.StatusTooManyRequests)) },
		"a redirect":  func(fake *testkit.FakeKeystone, on bool) { fake.Answer(pickStatus(on, http.StatusFound)) },
		"not allowed": func(fake *testkit.FakeKeystone, on bool) { fake.Answer(pickStatus(on, http.StatusForbidden)) },
	} {
		t.Run(name, func(t *testing.T) {
			c, fake, clock := newTest(t, nil)
			fake.Issue("good", demo)
			fake.Issue("unknown", demo)
			mustBe(t.Context(), t, c, "good", nil)
			clock.pass(6 * time.Minute) // not fresh any more
			trouble(fake, true)
			n := asked(fake, func() {
				for range 20 {
					mustBe(t.Context(), t, c, "good", nil)
					mustBe(t.Context(), t, c, "unknown", ErrUnavailable)
				}
			})
			// the first is tried twice where that can help, and by net/http once more on a
			// connection that it had kept
			if n > 3 {
				t.Errorf("a Keystone that is away was asked %d times", n)
			}
			clock.pass(ownPause)
			if n := asked(fake, func() {
				mustBe(t.Context(), t, c, "unknown", ErrUnavailable)
				mustBe(t.Context(), t, c, "unknown", ErrUnavailable)
			}); n != 1 {
				t.Errorf("asked %d times a little later", n)
			}
			if c.Stats().Outage != 20 {
				t.Errorf("%+v", c.Stats())
			}
			clock.pass(30 * time.Minute) // over
			mustBe(t.Context(), t, c, "good", ErrUnavailable)
			trouble(fake, false)
			clock.pass(ownPause)
			mustBe(t.Context(), t, c, "good", nil)
			mustBe(t.Context(), t, c, "unknown", nil)
		})
	}
}

func pickStatus(on bool, status int) int {
	if on {
		return status
	}
	return 0
}

// TestRevokedDuringOutage is noticed as soon as Keystone answers.
func TestRevokedDuringOutage(t *testing.T) {
	c, fake, clock := newTest(t, nil)
	fake.Issue("good", demo)
	mustBe(t.Context(), t, c, "good", nil)
	clock.pass(6 * time.Minute)
	fake.Cut(true)
	mustBe(t.Context(), t, c, "good", nil)
	fake.Revoke("good")
	fake.Cut(false)
	clock.pass(retryPause)
	mustBe(t.Context(), t, c, "good", ErrInvalidToken)
}

// TestSlowKeystone holds known tokens up no longer than knownTimeout, and only the first: what
// comes of the question holds for later ones.
func TestSlowKeystone(t *testing.T) {
	c, fake, clock := newTest(t, nil)
	c.knownTimeout = 20 * time.Millisecond
	fake.Issue("good", demo)
	mustBe(t.Context(), t, c, "good", nil)
	clock.pass(6 * time.Minute)
	fake.Revoke("good")
	gate := make(chan struct{})
	fake.Hold(gate)
	mustBe(t.Context(), t, c, "good", nil)
	c.knownTimeout = time.Hour
	mustBe(t.Context(), t, c, "good", nil) // at once
	close(gate)
	until(t, func() bool { return c.Stats().Known == 0 })
	mustBe(t.Context(), t, c, "good", ErrInvalidToken)
}

// TestSlowKeystoneIsNotAway lets unknown tokens wait for it.
func TestSlowKeystoneIsNotAway(t *testing.T) {
	c, fake, clock := newTest(t, nil)
	fake.Issue("unknown", demo)
	if _, err := c.ServiceToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.circuit.dragged(clock.now())
	gate := make(chan struct{})
	fake.Hold(gate)
	var waiting sync.WaitGroup
	waiting.Go(func() { mustBe(t.Context(), t, c, "unknown", nil) })
	until(t, func() bool { n, _ := fake.Requests(); return n == 1 })
	close(gate)
	waiting.Wait()
}

// TestHangingKeystone is given up after the timeout.
func TestHangingKeystone(t *testing.T) {
	c, fake, _ := newTest(t, func(cfg *Config) { cfg.Timeout = 20 * time.Millisecond })
	gate := make(chan struct{})
	defer close(gate)
	fake.Hold(gate)
	mustBe(t.Context(), t, c, "unknown", ErrUnavailable)
}

// TestServiceTokenRefused gets the service a new one, once for all who were refused.
func TestServiceTokenRefused(t *testing.T) {
	c, fake, clock := newTest(t, nil)
	for _, token := range []string{"a", "b", "c"} {
		fake.Issue(token, demo)
	}
	mustBe(t.Context(), t, c, "a", nil)
	fake.ForgetService()
	clock.pass(6 * time.Minute)
	var all sync.WaitGroup
	for _, token := range []string{"a", "b", "c"} {
		all.Go(func() { mustBe(t.Context(), t, c, token, nil) })
	}
	all.Wait()
	if _, logins := fake.Requests(); logins != 2 {
		t.Errorf("the service authenticated %d times", logins)
	}
}

// TestServiceTokenIsRenewed before its end, with nobody waiting; and goes on while Keystone is
// away.
func TestServiceTokenIsRenewed(t *testing.T) {
	c, fake, clock := newTest(t, nil)
	fake.ServiceLife(time.Hour)
	first, err := c.ServiceToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same := func() bool { again, err := c.ServiceToken(t.Context()); return err == nil && again == first }
	clock.pass(time.Hour - renewBefore - time.Second)
	if !same() {
		t.Error("renewed too early")
	}
	clock.pass(2 * time.Second)
	fake.Cut(true)
	if !same() {
		t.Error("the old one still lasts, though it cannot be renewed")
	}
	until(t, func() bool { return c.circuit.open(clock.now()) })
	fake.Cut(false)
	clock.pass(ownPause)
	gate := make(chan struct{})
	fake.Hold(gate)
	if !same() {
		t.Error("the old one still lasts while the new one is on its way")
	}
	close(gate)
	until(t, func() bool { return !same() })
}

// TestWrongPassword is an outage to callers, and said clearly in the log, once; neither says the
// password or a token.
func TestWrongPassword(t *testing.T) {
	var log bytes.Buffer
	c, fake, clock := newTest(t, func(cfg *Config) {
		cfg.Password, cfg.Log = "guessed-wrong", slog.New(slog.NewTextHandler(&log, nil))
	})
	for range 3 {
		mustBe(t.Context(), t, c, "some-token", ErrUnavailable)
	}
	if _, logins := fake.Requests(); logins != 1 {
		t.Errorf("tried %d times: Keystone locks out who does", logins)
	}
	clock.pass(ownPause)
	_, err := c.Validate(t.Context(), "some-token")
	for _, secret := range []string{"guessed-wrong", "some-token"} {
		if strings.Contains(log.String(), secret) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s is in %s or %v", secret, log.String(), err)
		}
	}
	if strings.Count(log.String(), "level=ERROR") != 1 || !strings.Contains(log.String(), "refuses the service's own credentials") {
		t.Errorf("the log says: %s", log.String())
	}
}

package session

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source returns tokens t1, t2, … of an hour, after some milliseconds.
type source struct {
	mu    sync.Mutex
	life  time.Duration
	asked map[string]int
	err   error
	slow  time.Duration

	revoked bool
	looks   int // at tokens that it gave
}

func (s *source) TrustToken(ctx context.Context, trustID string) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[trustID]++
	n, err := s.asked[trustID], s.err
	slow := s.slow
	s.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		err = faas.Errorf(faas.Unavailable, "Keystone is slow.")
	}
	s.mu.Lock()
	if err != nil {
		return Token{}, err
	}
	return Token{
		Value: faas.Secret(
			trustID + "-" + string(rune('0'+n)),
		), ExpiresAt: time.Now().Add(s.life), UserID: "u", ProjectID: "p", AuthURL: "http://k/v3",
		Region: "R", Endpoints: map[string]string{"object-store": "http://s/v1/AUTH_p"},
	}, nil
}

func (s *source) Valid(context.Context, faas.Secret) (bool, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return !s.revoked, time.Now(), nil
}

func (s *source) set(err error, slow time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.slow = err, slow
}

func (s *source) count(trustID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[trustID]
}

// bubble runs the test on a clock of its own: time passes when everything waits.
func bubble(t *testing.T, size int, test func(t *testing.T, k *source, s *Sessions)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &source{life: time.Hour, asked: map[string]int{}, slow: 45 * time.Millisecond}
		s := New(Config{Source: k, Size: size, Log: slog.New(slog.DiscardHandler)})
		defer s.Close()
		test(t, k, s)
	})
}

func get(t *testing.T, s *Sessions, trust string, life time.Duration) (token string) {
	t.Helper()
	got, err := s.Get(t.Context(), trust, life)
	if err != nil {
		t.Fatal(err)
	}
	return tokenOf(t, got)
}

func tokenOf(t *testing.T, s Session) string {
	t.Helper()
	var c struct{ OS struct{ Token string } }
	if err := json.Unmarshal(s.Context, &c); err != nil {
		t.Fatal(err)
	}
	return c.OS.Token
}

const call = time.Minute + 5*time.Second // how long calls want their tokens for

func TestOneRequestForAll(t *testing.T) {
	bubble(t, 0, func(t *testing.T, k *source, s *Sessions) {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if got := get(t, s, "a", call); got != "a-1" {
					t.Errorf("got the token %s", got)
				}
			})
		}
		all.Wait()
		begun := time.Now()
		if get(t, s, "a", call); time.Since(begun) != 0 || k.count("a") != 1 {
			t.Errorf("a warm look took %v; %d requests", time.Since(begun), k.count("a"))
		}
		if get(t, s, "b", call) != "b-1" {
			t.Error("another trust has the same token")
		}
	})
}

func TestContext(t *testing.T) {
	bubble(t, 0, func(t *testing.T, _ *source, s *Sessions) {
		got, err := s.Get(t.Context(), "a", call)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"os":{"auth_url":"http://k/v3","token":"a-1","expires_at":"` + got.ExpiresAt.UTC().Format(time.RFC3339) +
			`","user_id":"u","project_id":"p","region":"R","interface":"public",` +
			`"endpoints":{"object-store":"http://s/v1/AUTH_p"}}}`
		if string(got.Context) != want {
			t.Errorf("got %s, want %s", got.Context, want)
		}
	})
}

// TestRenewal has a function called once a minute for a day: it waits for Keystone once.
func TestRenewal(t *testing.T) {
	bubble(t, 0, func(t *testing.T, k *source, s *Sessions) {
		get(t, s, "a", call)
		for range 24 * 60 {
			time.Sleep(time.Minute)
			begun := time.Now()
			got, err := s.Get(t.Context(), "a", call)
			if err != nil || time.Since(begun) != 0 || time.Until(got.ExpiresAt) < call {
				t.Fatalf("after %v: a token for %v, %v", time.Since(begun), time.Until(got.ExpiresAt), err)
			}
		}
		if n := k.count("a"); n < 24 || n > 27 {
			t.Errorf("%d requests in a day", n)
		}
	})
}

func TestDroppedWhenUnused(t *testing.T) {
	bubble(t, 0, func(t *testing.T, k *source, s *Sessions) {
		get(t, s, "a", call)
		time.Sleep(2 * time.Hour)
		s.mu.Lock()
		left := s.byTrust.Len()
		s.mu.Unlock()
		if left != 0 || k.count("a") != 1 {
			t.Errorf("%d trusts are held, %d requests", left, k.count("a"))
		}
	})
}

// TestLongCalls wants more than tokens live: it gets what has half its life left.
func TestLongCalls(t *testing.T) {
	bubble(t, 0, func(t *testing.T, k *source, s *Sessions) {
		k.life = 10 * time.Minute
		for range 60 {
			got, err := s.Get(t.Context(), "a", time.Hour)
			if err != nil || time.Until(got.ExpiresAt) < 5*time.Minute {
				t.Fatalf("a token for %v, %v", time.Until(got.ExpiresAt), err)
			}
			time.Sleep(time.Minute)
		}
		if n := k.count("a"); n > 25 {
			t.Errorf("%d requests in an hour", n)
		}
	})
}

func TestKeystoneAway(t *testing.T) {
	bubble(t, 0, func(t *testing.T, k *source, s *Sessions) {
		get(t, s, "known", call)
		k.set(faas.Errorf(faas.Unavailable, "Keystone cannot be asked."), 0)
		for range 59 { // through the renewals that fail
			if got := get(t, s, "known", call); got != "known-1" {
				t.Fatalf("got %s", got)
			}
			time.Sleep(time.Minute)
		}
		if k.count("known") < 5 {
			t.Error("no renewal was tried")
		}
		for range 10 {
			if _, err := s.Get(t.Context(), "unknown", call); faas.KindOf(err) != faas.Unavailable {
				t.Errorf("without a token: %v", err)
			}
		}
		if n := k.count("unknown"); n != 1 {
			t.Errorf("Keystone was asked %d times at once", n)
		}
		time.Sleep(time.Hour)
		if _, err := s.Get(t.Context(), "known", call); faas.KindOf(err) != faas.Unavailable {
			t.Errorf("with a token that has ended: %v", err)
		}
		k.set(nil, 0)
		time.Sleep(unavailableFor)
		get(t, s, "unknown", call)
	})
}

// TestKeystoneHangs has calls with a valid token wait for a short time only.
func TestKeystoneHangs(t *testing.T) {
	bubble(t, 0, func(t *testing.T, k *source, s *Sessions) {
		get(t, s, "a", 30*time.Minute)
		k.set(nil, time.Hour)
		time.Sleep(31 * time.Minute)
		begun := time.Now()
		if got := get(t, s, "a", 30*time.Minute); got != "a-1" || time.Since(begun) > renewalTimeout {
			t.Errorf("got %s after %v", got, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Get(ctx, "b", call); faas.KindOf(err) != faas.Unavailable {
			t.Errorf("got %v", err)
		}
	})
}

func TestTrustGone(t *testing.T) {
	bubble(t, 0, func(t *testing.T, k *source, s *Sessions) {
		get(t, s, "a", call)
		k.set(faas.Errorf(faas.Forbidden, "It is gone."), 0)
		time.Sleep(59 * time.Minute)
		for range 10 {
			if _, err := s.Get(t.Context(), "a", call); faas.KindOf(err) != faas.Forbidden {
				t.Errorf("got %v", err)
			}
		}
		if n := k.count("a"); n > 3 {
			t.Errorf("Keystone was asked %d times", n)
		}
		k.set(nil, 0)
		time.Sleep(forbiddenFor)
		get(t, s, "a", call)
	})
}

// TestRevoked has a token revoked: of a trust that is gone, and of one that yields another.
func TestRevoked(t *testing.T) {
	bubble(t, 0, func(t *testing.T, k *source, s *Sessions) {
		get(t, s, "a", call)
		use := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Second) {
				_, _ = s.Get(t.Context(), "a", call)
			}
		}
		use(30 * time.Minute)
		k.mu.Lock()
		looks := k.looks
		k.revoked = true
		k.mu.Unlock()
		if looks < 5 || looks > 6 || k.count("a") != 1 {
			t.Errorf("in half an hour Keystone was asked %d times whether a token is valid, and for %d", looks, k.count("a"))
		}
		k.set(faas.Errorf(faas.Forbidden, "It is gone."), 0)
		use(defaultCheck + renewPause)
		if _, err := s.Get(t.Context(), "a", call); faas.KindOf(err) != faas.Forbidden {
			t.Errorf("by a trust that is gone: %v", err)
		}
		k.set(nil, 0)
		time.Sleep(forbiddenFor)
		if got := get(t, s, "a", call); got == "a-1" {
			t.Error("a revoked token goes on")
		}
	})
}

func TestBounded(t *testing.T) {
	bubble(t, 3, func(t *testing.T, k *source, s *Sessions) {
		for _, trust := range []string{"a", "b", "c", "a", "d"} {
			get(t, s, trust, call)
		}
		if get(t, s, "a", call); k.count("a") != 1 {
			t.Error("one that was in use was dropped")
		}
		if get(t, s, "b", call); k.count("b") != 2 {
			t.Error("one that was not in use was kept")
		}
		s.Forget("a")
		if get(t, s, "a", call); k.count("a") != 2 {
			t.Error("one that was forgotten was kept")
		}
	})
}

func TestPrefetch(t *testing.T) {
	bubble(t, 0, func(t *testing.T, k *source, s *Sessions) {
		s.Prefetch("a")
		synctest.Wait()
		time.Sleep(time.Second)
		begun := time.Now()
		if get(t, s, "a", call); time.Since(begun) != 0 || k.count("a") != 1 {
			t.Errorf("took %v and %d requests", time.Since(begun), k.count("a"))
		}
	})
}

// TestNothingIsShown prints what is held in every way that a log might.
func TestNothingIsShown(t *testing.T) {
	token := Token{Value: "secret-token"}
	b, _ := json.Marshal(token)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("token", "token", token, "value", token.Value)
	slog.New(slog.NewTextHandler(&log, nil)).Info("token", "token", token, "value", token.Value)
	if text := string(b) + log.String(); strings.Contains(text, "secret-token") {
		t.Errorf("shown: %s", text)
	}
}

// TestForCall has a call that its token outlives, and one that it does not.
func TestForCall(t *testing.T) {
	bubble(t, 0, func(t *testing.T, k *source, s *Sessions) {
		given, renewal, err := s.ForCall(t.Context(), "a", 30*time.Second, 5*time.Minute)
		if err != nil || given == nil || renewal != nil {
			t.Errorf("a short call: %v, %v", renewal, err)
		}
		time.Sleep(10 * time.Minute)
		given, renewal, err = s.ForCall(t.Context(), "a", 30*time.Second, 2*time.Hour)
		if err != nil || given == nil || renewal == nil || time.Until(renewal.Ends) > 50*time.Minute {
			t.Fatalf("a long call: %+v, %v", renewal, err)
		}
		time.Sleep(48 * time.Minute)
		fresh, ends, err := renewal.Next(t.Context())
		if err != nil || string(fresh) == string(given) || time.Until(ends) < 59*time.Minute {
			t.Errorf("the next token lives for %v, %v", time.Until(ends), err)
		}
	})
}

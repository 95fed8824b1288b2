package session

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// TestServiceLockedOut has Keystone refuse the service itself: sessions that are held go on, and
// calls without one get Retry-After.
func TestServiceLockedOut(t *testing.T) {
	var passed atomic.Int64
	begun := time.Now()
	now := func() time.Time { return begun.Add(time.Duration(passed.Load())) }
	pass := func(d time.Duration) { passed.Add(int64(d)) }
	fake := testkit.NewFakeKeystone(t, now)
	client, err := keystone.New(keystone.Config{
		AuthURL: fake.URL, Username: "faas", Password: fake.Password, Project: "service",
		Region: "one", Now: now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Source: Keystone{Client: client}, Now: now, Log: slog.New(slog.DiscardHandler)})
	defer s.Close()
	for _, trust := range []string{"held", "new"} {
		fake.Trust(trust, true)
	}
	first := get(t, s, "held", call)
	pass(40 * time.Minute)
	if _, err := client.ServiceToken(t.Context()); err != nil { // it lasts
		t.Fatal(err)
	}
	fake.LockOut(true)
	for range 3 {
		if got := get(t, s, "held", 30*time.Minute); got != first { // wants a longer one
			t.Errorf("got the token %s, want the one that is held", got)
		}
		if _, err := s.Get(t.Context(), "new", call); faas.KindOf(err) != faas.Unavailable {
			t.Errorf("without a session: %v", err)
		}
		pass(unavailableFor)
	}
	fake.LockOut(false)
	pass(10 * time.Second)
	get(t, s, "new", call)
	if get(t, s, "held", 30*time.Minute) == first {
		t.Error("a session is not renewed after the lockout")
	}
}

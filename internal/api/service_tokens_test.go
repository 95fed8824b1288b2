package api

import (
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/auth"
	"github.com/openstack-faas/faas/internal/testkit"
)

// TestServiceTokens has another service come for a user, whose token may have expired meanwhile.
func TestServiceTokens(t *testing.T) {
	s, fake, clock := newAuthenticated(t)
	short := reader
	short.Expires = clock.now().Add(time.Minute)
	fake.Issue("user", short)
	fake.Issue("service", testkit.FakeToken{User: "heat", Project: "service", Roles: []string{"service"}})
	fake.Issue("impostor", reader)
	check := func(user, service string, want int) {
		t.Helper()
		if got := s.as(user, service); got.status != want {
			t.Errorf("%q by %q: %d %s, want %d", user, service, got.status, got.body, want)
		}
	}
	check("user", "service", 200)
	check("user", "impostor", 401)
	check("user", "made-up", 401)
	check("", "service", 401)
	clock.pass(2 * time.Minute)
	check("user", "", 401)
	check("user", "service", 200)
	check("user", "impostor", 401)
	check("user", "", 401) // what a service may is nobody else's
	check("made-up", "service", 401)
}

// TestServiceTokensPassedOver has a service without the role count for nothing where the operator
// says so.
func TestServiceTokensPassedOver(t *testing.T) {
	s, fake, clock := newAuthenticated(t, func(k *auth.Keystone) { k.RolesMust = false })
	short := reader
	short.Expires = clock.now().Add(time.Minute)
	fake.Issue("user", short)
	fake.Issue("impostor", reader)
	if got := s.as("user", "impostor"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	clock.pass(2 * time.Minute)
	if got := s.as("user", "impostor"); got.status != 401 {
		t.Errorf("expired: %d %s", got.status, got.body)
	}
}

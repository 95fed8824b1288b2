package session

import (
	"context"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/sharedcache"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// joinReal starts a process that works with the real Keystone and shares what it knows by
// memcached.
func joinReal(
	t *testing.T, cloud *testkit.Cloud, memcached *testkit.Memcached, secret faas.Secret,
) (*Sessions, Keystone) {
	t.Helper()
	shared, err := sharedcache.New(sharedcache.Config{
		Servers: []string{memcached.Address()}, Secret: secret, Timeout: hangTimeout, Turn: hangTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	u := cloud.User(t, "faas")
	client, err := keystone.New(keystone.Config{
		AuthURL: cloud.AuthURL, Username: u.Name, Password: u.Password, UserDomain: u.Domain, Project: u.Project,
		ProjectDomain: u.ProjectDomain, Region: cloud.Region, Timeout: hangTimeout, CacheTime: time.Nanosecond,
		Shared: shared,
	})
	if err != nil {
		t.Fatal(err)
	}
	k := Keystone{Client: client}
	s := New(Config{Source: k, Shared: shared, Wait: hangTimeout, Check: time.Nanosecond})
	t.Cleanup(func() {
		s.Close()
		client.CloseIdleConnections()
		shared.Close()
	})
	return s, k
}

// TestRealTokensAreShared has several processes ask at once for the token of one trust of the real
// Keystone: it is got once, others take it from memcached, and no process goes on with it after
// the user who made the trust was disabled.
func TestRealTokensAreShared(t *testing.T) {
	cloud, memcached := testkit.Keystone(t), testkit.StartMemcached(t)
	var processes []*Sessions
	var k Keystone
	for range 6 {
		var s *Sessions
		s, k = joinReal(t, cloud, memcached, secretOfAll)
		processes = append(processes, s)
	}
	g := newGuest(t, cloud)
	trust, err := k.MakeTrust(t.Context(), g.token, []string{"member"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.DeleteTrust(context.Background(), trust) })
	ask := func(processes ...*Sessions) map[string]int { return askAll(t, processes, []string{trust})[trust] }
	first := ask(processes...)
	if len(first) != 1 {
		t.Errorf("%d processes have %d tokens", len(processes), len(first))
	}
	if got, err := processes[0].Get(t.Context(), trust, time.Minute); err != nil || first[got.Token.Reveal()] == 0 {
		t.Errorf("they have no token, or each time another: %v", err)
	}
	stranger, _ := joinReal(t, cloud, memcached, secretOfAll+"!")
	for token := range ask(stranger) {
		if first[token] > 0 {
			t.Error("a process with another secret has the token")
		}
	}
	g.enableUser(t, false)
	// A token is checked when it was used since it was got: not by all processes in the first round.
	for end := time.Now().Add(hangTimeout); ; {
		renewAll(processes)
		stopped := ask(processes...)[string(faas.Forbidden)]
		if stopped == len(processes) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("of %d processes %d stop at a disabled user", len(processes), stopped)
		}
	}
}

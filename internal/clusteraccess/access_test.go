package clusteraccess

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/pkg/magnum"
)

// TestRenewal has certificates end within seconds: requests go on, each with one that is valid.
func TestRenewal(t *testing.T) {
	authority := newAuthority(t)
	k := newCluster(t, authority)
	m := newMagnum(t, authority, k.URL)
	m.life = 4 * time.Second
	a, err := open(t, Config{Magnum: m.client(t)})
	must(t, err)
	answered := 0
	for ; a.Renewals() < 2; answered++ {
		said, err := ask(t.Context(), a, strings.NewReader("hello"))
		if err != nil || said != "faas-engine [faas:engines] hello" {
			t.Fatalf("request %d: %q, %v", answered, said, err)
		}
	}
	if answered < 3 || k.certificates() < 2 || a.Problem() != nil {
		t.Errorf("%d requests with %d certificates; %v", answered, k.certificates(), a.Problem())
	}
}

// TestNotRenewed has Magnum fail while a certificate is due: requests go on with the old one, the
// problem is told, and then it is renewed.
func TestNotRenewed(t *testing.T) {
	authority := newAuthority(t)
	k := newCluster(t, authority)
	m := newMagnum(t, authority, k.URL)
	a, err := open(t, Config{Magnum: m.client(t), Renew: 2 * time.Second})
	must(t, err)
	m.set(func() { m.fails = http.StatusForbidden })
	await(t, "the problem is told", func() bool { return errors.Is(a.Problem(), magnum.ErrForbidden) })
	if !strings.Contains(a.Problem().Error(), "It does not want to.") {
		t.Errorf("the problem does not say what Magnum said: %v", a.Problem())
	}
	if _, err := ask(t.Context(), a, nil); err != nil {
		t.Errorf("a request while the certificate cannot be renewed: %v", err)
	}
	m.set(func() { m.fails = 0 })
	await(t, "it is renewed and all is well", func() bool { return a.Renewals() > 0 && a.Problem() == nil })
}

// TestMoved moves the cluster to another address, and then puts another authority at that address.
func TestMoved(t *testing.T) {
	authority := newAuthority(t)
	first := newCluster(t, authority)
	m := newMagnum(t, authority, first.URL)
	a, err := open(t, Config{Magnum: m.client(t)})
	must(t, err)
	_, err = ask(t.Context(), a, nil)
	must(t, err)
	second := newCluster(t, authority)
	m.set(func() { m.address = second.URL })
	first.Close()
	// A connection that fails may have been a request that was executed: it is not sent again, but
	// those after it find the way.
	await(t, "requests go to the new address", func() bool {
		_, err := ask(t.Context(), a, nil)
		return err == nil
	})
	other := newAuthority(t)
	third := newCluster(t, other)
	m.set(func() { m.address, m.authority = third.URL, other })
	second.mu.Lock()
	second.refuses = true
	second.mu.Unlock()
	await(t, "Magnum may be asked again", func() bool { // which it is at most once a second
		a.mu.Lock()
		defer a.mu.Unlock()
		return time.Since(a.looked) > leastPause
	})
	said, err := ask(t.Context(), a, strings.NewReader("again"))
	if err != nil || !strings.HasSuffix(said, " again") {
		t.Errorf("a request that met 401 was not sent again over the new link: %q, %v", said, err)
	}
}

// TestStates says what is wrong with a cluster that cannot be used, and waits for one that will be.
func TestStates(t *testing.T) {
	authority := newAuthority(t)
	k := newCluster(t, authority)
	m := newMagnum(t, authority, k.URL)
	for _, c := range []struct {
		status, reason, address string
		fails                   int
		want                    string
	}{
		{"CREATE_FAILED", "no host had room", k.URL, 0, "cluster functions could not be made: no host had room"},
		{"DELETE_IN_PROGRESS", "", k.URL, 0, "cluster functions is being deleted"},
		{"CREATE_COMPLETE", "", "", 0, "has no api_address"},
		{"CREATE_COMPLETE", "", "10.0.0.1", 0, "is no https URL"},
		{"CREATE_COMPLETE", "", k.URL, http.StatusNotFound, "there is no such cluster"},
		{"CREATE_COMPLETE", "", k.URL, http.StatusForbidden, "access is refused"},
		{"CREATE_COMPLETE", "", k.URL, http.StatusConflict, "the UUID tells them apart"},
	} {
		m.set(func() { m.status, m.reason, m.address, m.fails = c.status, c.reason, c.address, c.fails })
		_, err := open(t, Config{Magnum: m.client(t)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want: %s", c.status, err, c.want)
		}
	}
	m.set(func() { m.status, m.address, m.fails, m.asked = "CREATE_IN_PROGRESS", k.URL, 0, 0 })
	opened := make(chan error, 1)
	go func() {
		_, err := open(t, Config{Magnum: m.client(t)})
		opened <- err
	}()
	await(t, "it has met a cluster that is being made", func() (met bool) {
		m.set(func() { met = m.asked > 0 })
		return met
	})
	m.set(func() { m.status = "CREATE_COMPLETE" })
	must(t, <-opened)
	m.set(func() { m.fails = http.StatusServiceUnavailable })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, Config{Cluster: "functions", Magnum: m.client(t)})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it did not wait for Magnum: %v", err)
	}
}

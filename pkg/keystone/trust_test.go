package keystone

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/trusts"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"

	"github.com/openstack-faas/faas/internal/testkit"
)

// TestServiceLockedOut has Keystone refuse the service's password while the service's token lasts:
// that says nothing of trusts, Keystone is asked once in a while only, and tokens of callers are
// validated all the same.
func TestServiceLockedOut(t *testing.T) {
	var log bytes.Buffer
	c, fake, clock := newTest(t, func(cfg *Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	fake.Trust("good", true)
	fake.Trust("of a disabled user", false)
	fake.Issue("token", demo)
	expect := func(when, trust string, want error) {
		t.Helper()
		if _, err := c.TrustToken(t.Context(), trust); !errors.Is(err, want) {
			t.Errorf("%s, %s: %v, want %v", when, trust, err, want)
		}
	}
	truth := func(when string) {
		t.Helper()
		expect(when, "good", nil)
		expect(when, "of a disabled user", ErrForbidden)
		expect(when, "of nobody", ErrNotFound)
	}
	truth("at first")
	fake.LockOut(true)
	for range 5 {
		_, before := fake.Requests()
		for range 10 {
			expect("locked out", "good", ErrUnavailable)
			expect("locked out", "of a disabled user", ErrUnavailable)
		}
		if _, after := fake.Requests(); after-before > 2 {
			t.Errorf("%d guesses at a time", after-before)
		}
		mustBe(t.Context(), t, c, "token", nil)
		clock.pass(ownPause)
	}
	fake.LockOut(false)
	truth("let in again")
	if strings.Count(log.String(), "level=ERROR") != 1 || !strings.Contains(log.String(), "refuses the service's own credentials") ||
		!strings.Contains(log.String(), "accepts the service's password again") {
		t.Errorf("the log says: %s", log.String())
	}
	if strings.Contains(log.String(), fake.Password) {
		t.Error("the log has the password")
	}
}

// TestProofIsShared has many ask at once whose trusts give no tokens.
func TestProofIsShared(t *testing.T) {
	c, fake, _ := newTest(t, nil)
	if _, err := c.ServiceToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, before := fake.Requests()
	gate := make(chan struct{})
	fake.Hold(gate)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := c.proof.proven(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	until(t, func() bool { _, logins := fake.Requests(); return logins > before })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.proof.proven(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up waits: %v", err)
	}
	close(gate)
	all.Wait()
	if _, after := fake.Requests(); after-before > 3 { // who comes late asks anew
		t.Errorf("%d logins", after-before)
	}
}

// TestRealPasswordRefused has the real Keystone refuse a service's password: first while its token
// lasts, as when it is locked out, then with that token revoked too, as when its user is disabled.
func TestRealPasswordRefused(t *testing.T) {
	cloud := testkit.Keystone(t)
	admin := cloud.Login(t, "admin").Identity
	u := newService(t, admin)
	c, err := New(Config{
		AuthURL: cloud.AuthURL, Username: u.Name, Password: u.Password, Project: u.Project, Region: cloud.Region, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	clock := time.Now()
	c.now = func() time.Time { return clock }
	demo := cloud.Login(t, "demo")
	trust, err := c.CreateTrust(t.Context(), demo.Token, TrustRequest{Roles: []Role{{Name: "member"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = trusts.Delete(context.Background(), admin, trust.ID).ExtractErr() })
	expect := func(when string, want error) {
		t.Helper()
		if _, err := c.TrustToken(t.Context(), trust.ID); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", when, err, want)
		}
		clock = clock.Add(ownPause)
	}
	expect("at first", nil)
	c.cfg.Password = "not " + u.Password
	expect("with another password", ErrUnavailable)
	expect("once more", ErrUnavailable)
	c.cfg.Password = u.Password
	expect("with the right password", nil)
	disable := false
	if _, err := users.Update(t.Context(), admin, u.id, users.UpdateOpts{Enabled: &disable}).Extract(); err != nil {
		t.Fatal(err)
	}
	expect("with a disabled user", ErrUnavailable)
}

// service is a user like the service's own.
type service struct {
	testkit.CloudUser
	id string
}

// newService makes one for the test.
func newService(t *testing.T, admin *gophercloud.ServiceClient) service {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	name := "service-" + time.Now().Format("150405.000000000")
	project, err := projects.Create(t.Context(), admin, projects.CreateOpts{Name: name, DomainID: "default"}).Extract()
	must(err)
	t.Cleanup(func() { _ = projects.Delete(context.Background(), admin, project.ID).ExtractErr() })
	s := service{CloudUser: testkit.CloudUser{Name: name, Password: "of " + name, Project: name}}
	user, err := users.Create(t.Context(), admin, users.CreateOpts{Name: name, DomainID: "default", Password: s.Password}).
		Extract()
	must(err)
	s.id = user.ID
	t.Cleanup(func() { _ = users.Delete(context.Background(), admin, user.ID).ExtractErr() })
	for _, role := range []string{"service", "admin"} {
		pages, err := roles.List(admin, roles.ListOpts{Name: role}).AllPages(t.Context())
		must(err)
		found, err := roles.ExtractRoles(pages)
		must(err)
		if len(found) != 1 {
			t.Fatalf("%d roles %s", len(found), role)
		}
		must(
			roles.Assign(t.Context(), admin, found[0].ID, roles.AssignOpts{UserID: user.ID, ProjectID: project.ID}).ExtractErr(),
		)
	}
	return s
}

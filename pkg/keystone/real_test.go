package keystone_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// realClient speaks to the mini cloud's Keystone as the service does.
func realClient(t *testing.T, cloud *testkit.Cloud, change func(*keystone.Config)) *keystone.Client {
	t.Helper()
	u := cloud.User(t, "faas")
	cfg := keystone.Config{
		AuthURL: cloud.AuthURL, Username: u.Name, Password: u.Password, UserDomain: u.Domain, Project: u.Project, ProjectDomain: u.ProjectDomain,
		Region: cloud.Region, Interface: "internal", CacheTime: time.Minute, OutageTime: time.Hour,
	}
	if change != nil {
		change(&cfg)
	}
	c, err := keystone.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRealTokens reads a token of every kind that Keystone issues.
func TestRealTokens(t *testing.T) {
	cloud := testkit.Keystone(t)
	c := realClient(t, cloud, nil)
	admin := cloud.User(t, "admin")
	onDomain(t, cloud.Login(t, "admin"))
	password := tokens.AuthOptions{Username: admin.Name, Password: admin.Password, DomainName: admin.Domain}
	scoped := func(scope tokens.Scope) *tokens.AuthOptions {
		with := password
		with.Scope = scope
		return &with
	}
	for name, test := range map[string]struct {
		with   *tokens.AuthOptions
		scoped func(*keystone.Token) bool
	}{
		"project": {
			scoped(tokens.Scope{ProjectName: admin.Project, DomainName: admin.ProjectDomain}),
			func(t *keystone.Token) bool { return t.ProjectID != "" && t.ProjectName == admin.Project },
		},
		"domain": {
			scoped(tokens.Scope{DomainName: "Default"}),
			func(t *keystone.Token) bool { return t.DomainID != "" && t.ProjectID == "" },
		},
		"system": {
			scoped(tokens.Scope{System: true}), func(t *keystone.Token) bool { return t.System && t.ProjectID == "" },
		},
		"unscoped": {&password, func(t *keystone.Token) bool { return !t.Scoped() }},
	} {
		t.Run(name, func(t *testing.T) {
			session := cloud.LoginWith(t, test.with)
			token, err := c.Validate(t.Context(), session.Token)
			if err != nil {
				t.Fatal(err)
			}
			if token.UserID != session.UserID || token.UserName != "admin" || !test.scoped(token) {
				t.Errorf("got %+v", token)
			}
			if token.Scoped() != token.HasAnyRole([]string{"admin"}) {
				t.Errorf("roles %v", token.RoleNames())
			}
			if left := time.Until(token.ExpiresAt); left < time.Minute || time.Since(token.IssuedAt) > time.Minute {
				t.Errorf("issued %s, expires in %s", token.IssuedAt, left)
			}
		})
	}
	demo := cloud.Login(t, "demo")
	if got, err := c.ValidateExpired(t.Context(), demo.Token); err != nil || got.ProjectID != demo.ProjectID {
		t.Errorf("as if it might have expired: %+v, %v", got, err)
	}
	if _, err := c.ValidateExpired(t.Context(), "gAAAAABnotone"); !errors.Is(err, keystone.ErrInvalidToken) {
		t.Errorf("a made-up token that might have expired: %v", err)
	}
	if _, err := c.Validate(t.Context(), "gAAAAABnotone"); !errors.Is(err, keystone.ErrInvalidToken) {
		t.Errorf("a made-up token: %v", err)
	}
}

// onDomain makes the administrator one of the default domain, too, until the test ends.
func onDomain(t *testing.T, admin testkit.Session) {
	t.Helper()
	page, err := roles.List(admin.Identity, roles.ListOpts{Name: "admin"}).AllPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found, err := roles.ExtractRoles(page)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	if err := roles.Assign(t.Context(), admin.Identity, found[0].ID, roles.AssignOpts{UserID: admin.UserID, DomainID: "default"}).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := roles.Unassign(
			context.WithoutCancel(t.Context()), admin.Identity, found[0].ID,
			roles.UnassignOpts{UserID: admin.UserID, DomainID: "default"},
		).
			ExtractErr()
		if err != nil {
			t.Error(err)
		}
	})
}

// TestRealTrust has the service act for demo, as long as the trust is there.
func TestRealTrust(t *testing.T) {
	cloud := testkit.Keystone(t)
	c := realClient(t, cloud, nil)
	demo := cloud.Login(t, "demo")
	trust, err := c.CreateTrust(t.Context(), demo.Token, keystone.TrustRequest{Roles: []keystone.Role{{Name: "member"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.TrustToken(t.Context(), trust.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.ProjectID != demo.ProjectID || got.UserID != demo.UserID || got.AuthURL != cloud.AuthURL ||
		got.Endpoints["object-store"] != demo.Endpoints["object-store"] {
		t.Errorf("got %+v", got)
	}
	token, err := c.Validate(t.Context(), got.Token)
	if err != nil {
		t.Fatal(err)
	}
	if token.TrustID != trust.ID || token.TrustorID != demo.UserID || token.UserID != demo.UserID ||
		!token.HasAnyRole([]string{"member"}) ||
		token.HasAnyRole([]string{"admin"}) {
		t.Errorf("got %+v", token)
	}
	if _, err := c.CreateTrust(t.Context(), got.Token, keystone.TrustRequest{Roles: []keystone.Role{{Name: "member"}}}); !errors.Is(
		err, keystone.ErrForbidden,
	) {
		t.Errorf("a trust made by a trust: %v", err)
	}
	if _, err := c.CreateTrust(t.Context(), demo.Token, keystone.TrustRequest{Roles: []keystone.Role{{Name: "admin"}}}); !errors.Is(
		err, keystone.ErrForbidden,
	) {
		t.Errorf("a role that demo does not have: %v", err)
	}
	for range 2 { // the second time there is nothing to do
		if err := c.DeleteTrust(t.Context(), trust.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.TrustToken(t.Context(), trust.ID); !errors.Is(err, keystone.ErrNotFound) {
		t.Errorf("a trust that is no more: %v", err)
	}
}

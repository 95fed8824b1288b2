package keystone_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/trusts"

	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// later is a clock that a test puts forward.
type later struct{ by atomic.Int64 }

func (l *later) now() time.Time       { return time.Now().Add(time.Duration(l.by.Load())) }
func (l *later) pass(d time.Duration) { l.by.Add(int64(d)) }

// TestRealRevocation is noticed once the answer in memory is old.
func TestRealRevocation(t *testing.T) {
	cloud := testkit.Keystone(t)
	clock := &later{}
	c := realClient(t, cloud, func(cfg *keystone.Config) { cfg.CacheTime, cfg.Now = time.Minute, clock.now })
	demo := cloud.Login(t, "demo")
	if _, err := c.Validate(t.Context(), demo.Token); err != nil {
		t.Fatal(err)
	}
	if err := tokens.Revoke(t.Context(), demo.Identity, demo.Token).Err; err != nil {
		t.Fatal(err)
	}
	if _, err := c.Validate(t.Context(), demo.Token); err != nil {
		t.Errorf("within the cache time: %v", err)
	}
	clock.pass(time.Minute)
	if _, err := c.Validate(t.Context(), demo.Token); !errors.Is(err, keystone.ErrInvalidToken) {
		t.Errorf("after it: %v", err)
	}
}

// TestRealManyAtOnce has one token validated by many at a time.
func TestRealManyAtOnce(t *testing.T) {
	cloud := testkit.Keystone(t)
	c := realClient(t, cloud, nil)
	demo := cloud.Login(t, "demo")
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got, err := c.Validate(t.Context(), demo.Token); err != nil || got.ProjectID != demo.ProjectID {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	if s := c.Stats(); s.Asked != 2 { // to authenticate, and to validate
		t.Errorf("%+v", s)
	}
}

// TestRealApplicationCredentials has restricted ones, unrestricted ones, and ones with access
// rules.
func TestRealApplicationCredentials(t *testing.T) {
	cloud := testkit.Keystone(t)
	c := realClient(t, cloud, nil)
	demo := cloud.Login(t, "demo")
	for name, test := range map[string]struct {
		unrestricted bool
		rules        []applicationcredentials.AccessRule
	}{
		"restricted":   {},
		"unrestricted": {unrestricted: true},
		"rules": {
			rules: []applicationcredentials.AccessRule{
				{Service: "function-engine", Method: http.MethodGet, Path: "/v1/functions"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := applicationcredentials.Create(t.Context(), demo.Identity, demo.UserID, applicationcredentials.CreateOpts{
				Name: "test-" + rand.Text(), Unrestricted: test.unrestricted, AccessRules: test.rules,
				Roles: []applicationcredentials.Role{{Name: "reader"}},
			}).
				Extract()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				err := applicationcredentials.Delete(context.WithoutCancel(t.Context()), demo.Identity, demo.UserID, made.ID).
					ExtractErr()
				if err != nil {
					t.Error(err)
				}
			})
			session := cloud.LoginWith(
				t,
				&tokens.AuthOptions{ApplicationCredentialID: made.ID, ApplicationCredentialSecret: made.Secret},
			)
			got, err := c.Validate(t.Context(), session.Token)
			if err != nil {
				t.Fatal(err)
			}
			a := got.AppCredential
			if a == nil || a.ID != made.ID || a.Restricted == test.unrestricted || len(a.Rules) != len(test.rules) ||
				got.ProjectID != demo.ProjectID {
				t.Fatalf("%+v, %+v", got, a)
			}
			if len(test.rules) > 0 &&
				a.Rules[0] != (keystone.AccessRule{Service: "function-engine", Method: http.MethodGet, Path: "/v1/functions"}) {
				t.Errorf("%+v", a.Rules)
			}
			trust, err := c.CreateTrust(t.Context(), session.Token, keystone.TrustRequest{Roles: got.Roles})
			switch {
			case err == nil && test.unrestricted:
				// Whether these may is Keystone's: its releases differ, before and after a security update.
				if err := trusts.Delete(t.Context(), demo.Identity, trust.ID).ExtractErr(); err != nil {
					t.Error(err)
				}
			case !errors.Is(err, keystone.ErrForbidden):
				t.Errorf("a trust by it: %v", err)
			}
		})
	}
}

// TestRealProject is enabled, disabled, and deleted.
func TestRealProject(t *testing.T) {
	cloud := testkit.Keystone(t)
	clock := &later{}
	c := realClient(t, cloud, func(cfg *keystone.Config) { cfg.Now = clock.now })
	admin := cloud.Login(t, "admin")
	check := func(id string, want bool) {
		t.Helper()
		if got, err := c.ProjectEnabled(t.Context(), id); err != nil || got != want {
			t.Errorf("%t, %v; want %t", got, err, want)
		}
		clock.pass(time.Minute)
	}
	made, err := projects.Create(
		t.Context(), admin.Identity, projects.CreateOpts{Name: "test-" + rand.Text(), DomainID: "default"},
	).
		Extract()
	if err != nil {
		t.Fatal(err)
	}
	check(made.ID, true)
	off := false
	if _, err := projects.Update(t.Context(), admin.Identity, made.ID, projects.UpdateOpts{Enabled: &off}).Extract(); err != nil {
		t.Error(err)
	}
	check(made.ID, false)
	if err := projects.Delete(t.Context(), admin.Identity, made.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	check(made.ID, false)
}

// TestRealEndpoints are those of the catalogue.
func TestRealEndpoints(t *testing.T) {
	cloud := testkit.Keystone(t)
	c := realClient(t, cloud, nil)
	demo := cloud.Login(t, "demo")
	got, err := c.EndpointFor(t.Context(), "object-store", demo.ProjectID)
	if err != nil || got != demo.Endpoints["object-store"] {
		t.Errorf("%s, %v; demo's own is %s", got, err, demo.Endpoints["object-store"])
	}
	if got, err := c.Endpoint(t.Context(), "function-engine"); err != nil || got == "" {
		t.Errorf("%s, %v", got, err)
	}
}

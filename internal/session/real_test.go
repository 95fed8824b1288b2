package session

import (
	"context"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// guest is a user of a project, both made for one test.
type guest struct {
	admin           *gophercloud.ServiceClient
	user, projectID string
	token           faas.Secret
}

func newGuest(t *testing.T, cloud *testkit.Cloud) guest {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	g := guest{admin: cloud.Login(t, "admin").Identity}
	name, password := "guest-"+faas.NewID(), faas.NewID()
	project, err := projects.Create(t.Context(), g.admin, projects.CreateOpts{Name: name, DomainID: "default"}).Extract()
	must(err)
	g.projectID = project.ID
	t.Cleanup(func() { _ = projects.Delete(context.Background(), g.admin, project.ID).ExtractErr() })
	user, err := users.Create(t.Context(), g.admin, users.CreateOpts{Name: name, DomainID: "default", Password: password}).
		Extract()
	must(err)
	g.user = user.ID
	t.Cleanup(func() { _ = users.Delete(context.Background(), g.admin, user.ID).ExtractErr() })
	pages, err := roles.List(g.admin, roles.ListOpts{Name: "member"}).AllPages(t.Context())
	must(err)
	member, err := roles.ExtractRoles(pages)
	must(err)
	must(
		roles.Assign(t.Context(), g.admin, member[0].ID, roles.AssignOpts{UserID: user.ID, ProjectID: project.ID}).
			ExtractErr(),
	)
	login := cloud.LoginAs(
		t,
		testkit.CloudUser{Name: name, Password: password, Domain: "Default", Project: name, ProjectDomain: "Default"},
	)
	g.token = faas.Secret(login.Token)
	return g
}

func (g guest) enableUser(t *testing.T, enabled bool) {
	t.Helper()
	if _, err := users.Update(t.Context(), g.admin, g.user, users.UpdateOpts{Enabled: &enabled}).Extract(); err != nil {
		t.Fatal(err)
	}
}

func (g guest) enableProject(t *testing.T, enabled bool) {
	t.Helper()
	change := projects.UpdateOpts{Enabled: &enabled}
	if _, err := projects.Update(t.Context(), g.admin, g.projectID, change).Extract(); err != nil {
		t.Fatal(err)
	}
}

// TestRealTrustors has the real Keystone disable who made a trust, and the project that it is for.
func TestRealTrustors(t *testing.T) {
	cloud := testkit.Keystone(t)
	u := cloud.User(t, "faas")
	client, err := keystone.New(keystone.Config{
		AuthURL: cloud.AuthURL, Username: u.Name, Password: u.Password, UserDomain: u.Domain, Project: u.Project,
		ProjectDomain: u.ProjectDomain, Region: cloud.Region,
	})
	if err != nil {
		t.Fatal(err)
	}
	k := Keystone{Client: client}
	g := newGuest(t, cloud)
	if _, err := k.MakeTrust(t.Context(), g.token, []string{"admin"}); faas.KindOf(err) != faas.Forbidden {
		t.Errorf("a role that the user has not: %v", err)
	}
	trust, err := k.MakeTrust(t.Context(), g.token, []string{"member"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.DeleteTrust(context.Background(), trust) })
	expect := func(what string, want faas.Kind) {
		t.Helper()
		sessions := New(Config{Source: k})
		defer sessions.Close()
		got, err := sessions.Get(t.Context(), trust, time.Minute)
		if faas.KindOf(err) != want || (want == "") != (got.Context != nil) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	begun := time.Now()
	expect("at first", "")
	t.Logf("a trust's token takes %v", time.Since(begun).Round(time.Millisecond))
	held := New(Config{Source: k, Check: time.Nanosecond})
	defer held.Close()
	for range 2 {
		if _, err := held.Get(t.Context(), trust, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	g.enableUser(t, false)
	held.renew()
	for end := time.Now().Add(hangTimeout); ; time.Sleep(10 * time.Millisecond) {
		if _, err := held.Get(t.Context(), trust, time.Minute); faas.KindOf(err) == faas.Forbidden {
			break
		} else if time.Now().After(end) {
			t.Fatalf("the token of a disabled user goes on: %v", err)
		}
	}
	expect("the user is disabled", faas.Forbidden)
	g.enableUser(t, true)
	expect("the user is enabled again", "")
	g.enableProject(t, false)
	expect("the project is disabled", faas.Forbidden)
	g.enableProject(t, true)
	g.enableUser(t, false)
	if err := k.DeleteTrust(t.Context(), trust); err != nil {
		t.Errorf("the trust of a disabled user cannot be deleted: %v", err)
	}
	expect("the trust is deleted", faas.Forbidden)
	if err := k.DeleteTrust(t.Context(), trust); err != nil {
		t.Errorf("once more: %v", err)
	}
}

package api

import (
	"context"
	"slices"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
)

// workshop is a project on the real Keystone, made for one test.
type workshop struct {
	t       *testing.T
	cloud   *testkit.Cloud
	admin   *gophercloud.ServiceClient
	project *projects.Project
}

func newWorkshop(t *testing.T, cloud *testkit.Cloud) workshop {
	t.Helper()
	w := workshop{t: t, cloud: cloud, admin: cloud.Login(t, "admin").Identity}
	var err error
	w.project, err = projects.Create(t.Context(), w.admin, projects.CreateOpts{Name: "workshop-" + faas.NewID(), DomainID: "default"}).
		Extract()
	w.must(err)
	t.Cleanup(func() { _ = projects.Delete(context.Background(), w.admin, w.project.ID).ExtractErr() })
	return w
}

func (w workshop) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// role makes a role and returns its name.
func (w workshop) role() string {
	w.t.Helper()
	made, err := roles.Create(w.t.Context(), w.admin, roles.CreateOpts{Name: "workshop-" + faas.NewID()}).Extract()
	w.must(err)
	w.t.Cleanup(func() { _ = roles.Delete(context.Background(), w.admin, made.ID).ExtractErr() })
	return made.Name
}

// user makes a user with the roles in the project, and logs in.
func (w workshop) user(names ...string) testkit.Session {
	w.t.Helper()
	name, password := "guest-"+faas.NewID(), faas.NewID()
	user, err := users.Create(w.t.Context(), w.admin, users.CreateOpts{Name: name, DomainID: "default", Password: password}).
		Extract()
	w.must(err)
	w.t.Cleanup(func() { _ = users.Delete(context.Background(), w.admin, user.ID).ExtractErr() })
	for _, role := range names {
		pages, err := roles.List(w.admin, roles.ListOpts{Name: role}).AllPages(w.t.Context())
		w.must(err)
		found, err := roles.ExtractRoles(pages)
		w.must(err)
		w.must(
			roles.Assign(w.t.Context(), w.admin, found[0].ID, roles.AssignOpts{UserID: user.ID, ProjectID: w.project.ID}).
				ExtractErr(),
		)
	}
	return w.cloud.LoginAs(w.t, testkit.CloudUser{
		Name: name, Password: password, Domain: "Default", Project: w.project.Name, ProjectDomain: "Default",
	})
}

// TestRealCodeOfAnother has the real Keystone say whose a trust is: code that another member puts
// into a function acts for that member, and not at all with roles that they do not have.
func TestRealCodeOfAnother(t *testing.T) {
	s, cloud := onKeystone(t)
	answer := s.send(
		testRequest{method: "POST", path: "/v1/runtimes", body: `{"image": "python3"}`, header: as(cloud.Login(t, "admin"))},
	)
	if answer.status != 201 {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	var runtime runtimeView
	answer.decode(t, &runtime)
	s.available(runtime.ID)
	w := newWorkshop(t, cloud)
	treasurer := w.role()
	maker, peer, newcomer := w.user("member", treasurer), w.user("member", treasurer), w.user("member")

	var f functionView
	answer = s.make(runtime.ID, `["member", "`+treasurer+`"]`, "", as(maker))
	if answer.status != 201 {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	answer.decode(t, &f)
	defer s.send(testRequest{method: "DELETE", path: "/v1/functions/" + f.ID, header: as(maker)})
	change := func(user testkit.Session, want int) {
		t.Helper()
		body, contentType := formOf(t, field{"package", zipOf(t, "main.py", "def main(): return '"+faas.NewID()+"'")})
		got := s.send(
			testRequest{method: "PUT", path: "/v1/functions/" + f.ID, body: body, contentType: contentType, header: as(user)},
		)
		if got.status != want {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	is := func(user testkit.Session) {
		t.Helper()
		record, err := s.store.Function(t.Context(), faas.AnyProject(), f.ID)
		s.must(err)
		if made := trustsOf(t, user); !slices.Equal(made, []string{record.TrustID}) {
			t.Errorf("the user has made the trusts %q, the function acts by %q", made, record.TrustID)
		}
		s.actsFor(user, f.ID, []string{"member", treasurer, "reader"})
	}
	change(maker, 200)
	is(maker)
	change(newcomer, 403)
	is(maker)
	change(peer, 200)
	is(peer)
	if left := trustsOf(t, maker); len(left) != 0 {
		t.Errorf("the maker's trusts %q are left behind", left)
	}
}

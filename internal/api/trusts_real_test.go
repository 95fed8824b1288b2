package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	keystonetrusts "github.com/gophercloud/gophercloud/v2/openstack/identity/v3/trusts"

	"github.com/openstack-faas/faas/internal/api/auth"
	"github.com/openstack-faas/faas/internal/api/trusts"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// onKeystone is the API with the mini cloud's Keystone.
func onKeystone(t *testing.T) (*service, *testkit.Cloud) {
	t.Helper()
	cloud := testkit.Keystone(t)
	u := cloud.User(t, "faas")
	client, err := keystone.New(keystone.Config{
		AuthURL: cloud.AuthURL, Username: u.Name, Password: u.Password, UserDomain: u.Domain, Project: u.Project, ProjectDomain: u.ProjectDomain,
		Region: cloud.Region, Interface: "internal", CacheTime: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	sessions := session.New(session.Config{Source: session.Keystone{Client: client}})
	t.Cleanup(sessions.Close)
	return newService(t, func(c *Config) {
		c.Auth = &auth.Keystone{Client: client}
		c.Trusts = &trusts.Config{
			Maker:    session.Keystone{Client: client},
			Sessions: sessions,
			Enabled:  true,
			Excluded: []string{"admin", "service"},
		}
	}), cloud
}

// madeTrusts remembers what was made: others make trusts for the same user meanwhile.
type madeTrusts struct {
	trusts.Maker
	ids []string
}

// MakeTrust makes one.
func (m *madeTrusts) MakeTrust(ctx context.Context, token faas.Secret, roles []string) (string, error) {
	id, err := m.Maker.MakeTrust(ctx, token, roles)
	if err == nil {
		m.ids = append(m.ids, id)
	}
	return id, err
}

// isGone expects so many trusts to have been made since it was last asked, and none of them to be
// left.
func (m *madeTrusts) isGone(t *testing.T, u testkit.Session, want int) {
	t.Helper()
	if len(m.ids) != want {
		t.Errorf("%d trusts were made, want %d", len(m.ids), want)
	}
	there := trustsOf(t, u)
	for _, id := range m.ids {
		if slices.Contains(there, id) {
			t.Errorf("the trust %s is left behind", id)
		}
	}
	m.ids = nil
}

// as returns the headers of a user's requests.
func as(s testkit.Session) map[string]string {
	return map[string]string{"X-Auth-Token": s.Token, "OpenStack-API-Version": "function-engine 1.1"}
}

// trustsOf returns the ids of the trusts that a user has made.
func trustsOf(t testing.TB, u testkit.Session) []string {
	t.Helper()
	pages, err := keystonetrusts.List(u.Identity, keystonetrusts.ListOpts{TrustorUserID: u.UserID}).AllPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := keystonetrusts.ExtractTrusts(pages)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, one := range all {
		ids = append(ids, one.ID)
	}
	slices.Sort(ids)
	return ids
}

// TestRealTrusts goes with a function through its life on the real Keystone.
func TestRealTrusts(t *testing.T) {
	s, cloud := onKeystone(t)
	made := &madeTrusts{Maker: s.cfg.Trusts.Maker}
	s.cfg.Trusts.Maker = made
	t.Cleanup(func() {
		for _, id := range made.ids { // where the test failed in between
			_ = made.DeleteTrust(context.Background(), id)
		}
	})
	admin, demo := cloud.Login(t, "admin"), cloud.Login(t, "demo")
	answer := s.send(testRequest{method: "POST", path: "/v1/runtimes", body: `{"image": "python3"}`, header: as(admin)})
	if answer.status != 201 {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	var runtime runtimeView
	answer.decode(t, &runtime)
	s.available(runtime.ID)

	for _, roles := range []string{"", `["reader"]`} {
		answer := s.make(runtime.ID, roles, "", as(demo))
		if answer.status != 201 {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
		var f functionView
		answer.decode(t, &f)
		record, err := s.store.Function(t.Context(), faas.AnyProject(), f.ID)
		s.must(err)
		if !slices.Contains(trustsOf(t, demo), record.TrustID) || slices.Contains(record.TrustRoles, "admin") ||
			len(record.TrustRoles) == 0 {
			t.Errorf(
				"there are the trusts %q, the function has %q with %q", trustsOf(t, demo), record.TrustID,
				record.TrustRoles,
			)
		}
		s.actsFor(demo, f.ID, record.TrustRoles)
		if gone := s.send(testRequest{method: "DELETE", path: "/v1/functions/" + f.ID, header: as(demo)}); gone.status != 204 {
			t.Fatalf("%d %s", gone.status, gone.body)
		}
		made.isGone(t, demo, 1)
		if _, err := s.cfg.Trusts.Sessions.Get(t.Context(), record.TrustID, time.Minute); faas.KindOf(
			err,
		) != faas.Forbidden {
			t.Errorf("a token by a trust that is gone: %v", err)
		}
	}
	s.failsAfterTrust(demo)
	made.isGone(t, demo, 1)
	s.leftBehind(0)
	if answer := s.make(runtime.ID, `["admin"]`, "", as(demo)); answer.status != 400 {
		t.Errorf("asked for admin: %d %s", answer.status, answer.body)
	}
}

func sorted(ids []string) []string {
	slices.Sort(ids)
	return ids
}

// available waits till the runtime is.
func (s *service) available(runtimeID string) {
	s.t.Helper()
	for deadline := time.Now().Add(hangTimeout); ; {
		r, err := s.store.Runtime(s.t.Context(), faas.AnyProject(), runtimeID)
		s.must(err)
		if r.Status == faas.RuntimeAvailable {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the runtime is %s", r.Status)
		}
	}
}

// actsFor calls the function and uses what its worker is given: the token is the project's and has
// the roles and no more.
func (s *service) actsFor(user testkit.Session, functionID string, roles []string) {
	s.t.Helper()
	contexts := make(chan json.RawMessage, 1)
	s.answer(func(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		contexts <- call.Context
		return echo(ctx, target, call, begin)
	})
	answer := s.send(
		testRequest{method: "POST", path: "/v1/executions", body: `{"function_id": "` + functionID + `"}`, header: as(user)},
	)
	if answer.status != 201 {
		s.t.Fatalf("%d %s", answer.status, answer.body)
	}
	var given struct {
		OS struct {
			AuthURL   string `json:"auth_url"`
			Token     string
			ProjectID string `json:"project_id"`
			UserID    string `json:"user_id"`
			Endpoints map[string]string
		}
	}
	s.must(json.Unmarshal(await(s.t, contexts), &given))
	os := given.OS
	if os.ProjectID != user.ProjectID || os.UserID != user.UserID ||
		os.Endpoints["object-store"] != user.Endpoints["object-store"] ||
		os.Token == user.Token {
		s.t.Errorf(
			"given %s of %s, with %v; the user's are %s of %s", os.ProjectID, os.UserID, os.Endpoints,
			user.ProjectID, user.UserID,
		)
	}
	if has := s.rolesOf(os.Token); !slices.Equal(sorted(has), sorted(slices.Clone(roles))) {
		s.t.Errorf("the token has the roles %q, the function %q", has, roles)
	}
	if status := get(s.t, os.AuthURL+"/auth/catalog", os.Token); status != http.StatusOK {
		s.t.Errorf("Keystone answered %d for its catalogue", status)
	}
	if status := get(s.t, os.Endpoints["object-store"], os.Token); status != http.StatusOK &&
		status != http.StatusNoContent &&
		slices.Contains(roles, "member") {
		s.t.Errorf("Swift answered %d", status)
	}
	if strings.Contains(string(answer.body)+s.logs.String(), os.Token) {
		s.t.Error("the token is in the answer or the log")
	}
}

// rolesOf returns the roles of a token.
func (s *service) rolesOf(token string) []string {
	s.t.Helper()
	read, err := s.cfg.Auth.(*auth.Keystone).Client.Validate(s.t.Context(), token)
	s.must(err)
	return read.RoleNames()
}

func get(t testing.TB, url, token string) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// failsAfterTrust has a creation fail when its trust is there already: the runtime went away
// meanwhile.
func (s *service) failsAfterTrust(user testkit.Session) {
	s.t.Helper()
	id := faas.Identity{
		ProjectID: user.ProjectID,
		UserID:    user.UserID,
		Roles:     []string{"member"},
		Token:     faas.Secret(user.Token),
	}
	f := faas.Function{ProjectID: user.ProjectID, RuntimeID: faas.NewID(), Code: faas.Code{Source: faas.SourcePackage}}
	if _, err := s.api.handlers.functions.record(s.t.Context(), id, f, nil); faas.KindOf(err) != faas.Invalid {
		s.t.Errorf("a function without a runtime: %v", err)
	}
}

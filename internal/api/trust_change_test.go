package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestCodeOfAnother has a function that acts with its maker's roles changed by others: never does
// their code get what the maker let the function do.
func TestCodeOfAnother(t *testing.T) {
	package2 := field{"package", zipOf(t, "main.py", "def main(): return 2")}
	for _, c := range []struct {
		name, user, roles string
		delegate          bool
		fields            []field
		status            int
		fault             string
		trust             string // afterwards
	}{
		{name: "its maker", user: "u", roles: "member reader", fields: []field{package2}, status: 200, trust: "t-1: member reader"},
		{name: "its maker with a token of fewer roles", user: "u", roles: "member", fields: []field{package2},
			status: 403, fault: "You do not have reader in this project", trust: "t-1: member reader"},
		{name: "another with all its roles", user: "v", roles: "reader member boss", fields: []field{package2}, status: 200, trust: "t-2: member reader"},
		{name: "another with fewer", user: "v", roles: "member", fields: []field{package2},
			status: 403, fault: "You do not have reader in this project", trust: "t-1: member reader"},
		{name: "another's entry", user: "v", roles: "member", fields: []field{{"entry", "os.system"}},
			status: 403, fault: "list the roles that you delegate to it", trust: "t-1: member reader"},
		{name: "another's entry, with all its roles", user: "v", roles: "member reader", fields: []field{{"entry", "os.system"}}, status: 200, trust: "t-2: member reader"},
		{name: "its maker by a delegated token", user: "u", roles: "member reader", delegate: true, fields: []field{package2}, status: 200, trust: "t-1: member reader"},
		{name: "another by a delegated token", user: "v", roles: "member reader", delegate: true, fields: []field{package2},
			status: 403, fault: "Your token is itself delegated", trust: "t-1: member reader"},
		{name: "another who names fewer", user: "v", roles: "member", fields: []field{package2, {"roles", `["member"]`}}, status: 200, trust: "t-2: member"},
		{name: "another who names none", user: "v", roles: "member", fields: []field{package2, {"roles", `[]`}}, status: 200},
		{name: "another who renames it", user: "v", roles: "member", fields: []field{{"name", "n"}, {"entry", "main.main"}}, status: 200, trust: "t-1: member reader"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, k := trusting(t)
			var f functionView
			s.make(s.newRuntime(), "", "", nil).decode(t, &f)
			before, err := s.store.Function(t.Context(), faas.AnyProject(), f.ID)
			s.must(err)
			answer := s.put(f.ID, c.user, project+" "+c.roles, c.delegate, c.fields...)
			if answer.status != c.status || !strings.Contains(answer.fault(), c.fault) {
				t.Errorf("%d %s", answer.status, answer.body)
			}
			var want []string
			if c.trust != "" {
				want = append(want, c.trust)
			}
			k.has(t, want...)
			after, err := s.store.Function(t.Context(), faas.AnyProject(), f.ID)
			s.must(err)
			if (after.TrustID+": "+strings.Join(after.TrustRoles, " ") != c.trust) && (c.trust != "" || after.TrustID != "") {
				t.Errorf("it acts by %q with %q", after.TrustID, after.TrustRoles)
			}
			if c.status != 200 && (after.Code != before.Code || after.Entry != before.Entry) {
				t.Error("a change that was refused was made")
			}
			s.leftBehind(0)
		})
	}
}

// put changes a function as the user.
func (s *service) put(functionID, user, identity string, delegate bool, fields ...field) reply {
	s.t.Helper()
	body, contentType := formOf(s.t, fields...)
	header := map[string]string{"OpenStack-API-Version": "function-engine 1.1", "X-Test-User": user}
	if delegate {
		header["X-Test-Delegate"] = "yes"
	}
	return s.send(testRequest{
		method: "PUT", path: "/v1/functions/" + functionID, body: body, contentType: contentType, identity: identity, header: header,
	})
}

// TestCodeOfAnotherWhileTrustsAreOff has the operator turn trusts off later: whose code is changed
// acts for nobody.
func TestCodeOfAnotherWhileTrustsAreOff(t *testing.T) {
	s, k := trusting(t)
	var f functionView
	s.make(s.newRuntime(), "", "", nil).decode(t, &f)
	s.cfg.Trusts.Enabled = false
	changed := field{"package", zipOf(t, "main.py", "def main(): return 2")}
	if answer := s.put(f.ID, "u", project+" member reader", false, changed); answer.status != 200 {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	k.has(t, "t-1: member reader")
	if answer := s.put(f.ID, "v", project+" member", false, changed); answer.status != 200 {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	k.has(t)
}

// TestCodeOfAnotherWithoutKeystone is refused rather than recorded: nobody knows whose the trust
// is.
func TestCodeOfAnotherWithoutKeystone(t *testing.T) {
	s, k := trusting(t)
	var f functionView
	s.make(s.newRuntime(), "", "", nil).decode(t, &f)
	s.cfg.Trusts.Sessions.Forget("t-1")
	k.fail(faas.Errorf(faas.Unavailable, "Keystone cannot be asked."))
	if answer := s.put(f.ID, "v", project+" member reader", false, field{"entry", "os.system"}); answer.status != 503 {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}

// TestCodeAndTrustMeetOnlyAsSeen has another's request come between look and change, in both
// orders.
func TestCodeAndTrustMeetOnlyAsSeen(t *testing.T) {
	s, k := trusting(t)
	var f functionView
	s.make(s.newRuntime(), "[]", "", newest).decode(t, &f)
	seen, err := s.store.Function(t.Context(), faas.AnyProject(), f.ID)
	s.must(err)
	maker := faas.Identity{UserID: "u", ProjectID: project, Roles: []string{"member"}, Token: "the token of u"}
	other := faas.Identity{UserID: "v", ProjectID: project, Roles: []string{"reader"}, Token: "the token of v"}
	roles, entry := []string{"member"}, "os.system"

	_, err = s.api.handlers.functions.recordChange(t.Context(), maker, seen, store.FunctionChange{}, &roles)
	s.must(err)
	_, err = s.api.handlers.functions.recordChange(t.Context(), other, seen, store.FunctionChange{Entry: &entry}, nil)
	if faas.KindOf(err) != faas.Conflict {
		t.Errorf("code that was to act for nobody meets a trust: %v", err)
	}
	k.has(t, "t-1: member")

	seen, err = s.store.Function(t.Context(), faas.AnyProject(), f.ID)
	s.must(err)
	_, err = s.api.handlers.functions.recordChange(t.Context(), other, seen, store.FunctionChange{Entry: &entry}, &[]string{})
	s.must(err)
	_, err = s.api.handlers.functions.recordChange(t.Context(), maker, seen, store.FunctionChange{}, &roles)
	if faas.KindOf(err) != faas.Conflict {
		t.Errorf("a trust meets code that its maker has not seen: %v", err)
	}
	k.has(t)
	got, err := s.store.Function(t.Context(), faas.AnyProject(), f.ID)
	s.must(err)
	if got.TrustID != "" || !slices.Equal(got.TrustRoles, nil) {
		t.Errorf("it acts by %q", got.TrustID)
	}
}

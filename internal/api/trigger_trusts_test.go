package api

import (
	"log/slog"
	"testing"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/api/trusts"
	"github.com/openstack-faas/faas/internal/faas"
)

// TestTrustsThatArePassedOn are those alone of triggers whose events come with a token of their
// user.
func TestTrustsThatArePassedOn(t *testing.T) {
	s, k := trusting(t)
	trusts := &trusts.Trusts{Config: s.cfg.Trusts, Store: s.store, Log: slog.New(slog.DiscardHandler)}
	const alarm = `"alarm": {"type": "event", "rule": {}}`
	for _, c := range []struct {
		source          faas.TriggerSource
		settings        string
		passed, andEnds bool
	}{
		{faas.TriggerAodh, `{` + alarm + `}`, false, false},
		{faas.TriggerAodh, `{"action": "trust+http", ` + alarm + `}`, true, false},
		{faas.TriggerAodh, `{"action": "trust+http", "alarm_id": "a"}`, false, false},
		{faas.TriggerZaqar, `{"queue": "q"}`, false, false},
		{faas.TriggerZaqar, `{"queue": "q", "mode": "pull"}`, false, false},
		{faas.TriggerZaqar, `{"queue": "q", "action": "trust+http"}`, true, true},
		{faas.TriggerSwift, `{"container": "c"}`, false, false},
	} {
		id := faas.Identity{UserID: "u", ProjectID: "p", Roles: []string{"member", "admin"}, Token: "the token of u"}
		trust, err := trusts.MakeForTrigger(t.Context(), id, faas.Trigger{Source: c.source, Settings: c.settings})
		if err != nil {
			t.Fatal(err)
		}
		ends, passed := k.passed[trust]
		if passed != c.passed || ends != c.andEnds || len(k.trusts[trust]) != 1 {
			t.Errorf("%s %s: the trust of %v is passed on: %v, and ends: %v",
				c.source, c.settings, k.trusts[trust], passed, ends)
		}
	}
}

// TestSettingsOfTriggers are changed by a user's own token with the trust that there is, by another
// user's with a trust of that user, and by a delegated one not at all: it may have fewer roles than
// the trust.
func TestSettingsOfTriggers(t *testing.T) {
	s, k := trusting(t)
	g := s.newTrigger(s.newFunction(s.newRuntime(), "f").ID, "swift", `, "settings": {"container": "a"}`)
	put := func(user, body string, delegate bool, want int) faas.Trigger {
		t.Helper()
		header := map[string]string{"X-Test-User": user, request.MicroversionHeader: request.ServiceType + " latest"}
		if delegate {
			header["X-Test-Delegate"] = "yes"
		}
		got := s.send(testRequest{method: "PUT", path: "/v1/triggers/" + g.ID, body: body, header: header})
		if got.status != want {
			t.Errorf("%s, delegated %v: %d %s, want %d", user, delegate, got.status, got.body, want)
		}
		now, err := s.store.Trigger(t.Context(), faas.AnyProject(), g.ID)
		s.must(err)
		return now
	}
	made, err := s.store.Trigger(t.Context(), faas.AnyProject(), g.ID)
	s.must(err)
	const settings = `{"settings": {"container": "b"}}`
	now := put(made.UserID, settings, true, 400)
	if now.Settings != made.Settings || now.TrustID != made.TrustID {
		t.Errorf("a delegated token has made it %+v", now)
	}
	now = put(made.UserID, `{"description": "d"}`, true, 200)
	if now.Description != "d" || now.TrustID != made.TrustID {
		t.Errorf("a description makes it %+v", now)
	}
	now = put(made.UserID, settings, false, 200)
	if now.Settings == made.Settings || now.TrustID != made.TrustID {
		t.Errorf("its own user has made it %+v", now)
	}
	now = put("v", `{"settings": {"container": "c"}}`, false, 200)
	if now.UserID != "v" || now.TrustID == made.TrustID || k.makers[now.TrustID] != "v" {
		t.Errorf("another user has made it %+v, by the trust of %s", now, k.makers[now.TrustID])
	}
}

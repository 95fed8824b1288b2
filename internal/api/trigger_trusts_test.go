package api

import (
	"log/slog"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestTrustsThatArePassedOn are those alone of triggers whose events come with a token of their
// user.
func TestTrustsThatArePassedOn(t *testing.T) {
	s, k := trusting(t)
	trusts := &functionTrusts{cfg: s.cfg.Trusts, store: s.store, log: slog.New(slog.DiscardHandler)}
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
		trust, err := trusts.makeForTrigger(t.Context(), id, faas.Trigger{Source: c.source, Settings: c.settings})
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

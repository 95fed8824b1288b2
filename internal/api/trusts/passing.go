package trusts

import (
	"encoding/json"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger/fromaodh"
	"github.com/openstack-faas/faas/internal/trigger/fromzaqar"
)

// passing is which service makes a trust of its own of a trigger's.
type passing string

const (
	notPassedOn     passing = ""
	passedOnToAodh  passing = "aodh"
	passedOnToZaqar passing = "zaqar"
)

// PassedOn returns to whom the trust of a trigger is passed on: to who sends events with a token of
// the trigger's user. No other trigger has such a trust.
func PassedOn(g faas.Trigger) passing {
	switch g.Source {
	case faas.TriggerAodh:
		if s, err := fromaodh.ParseSettings(json.RawMessage(g.Settings)); err == nil && fromaodh.PassesOn(s) {
			return passedOnToAodh
		}
	case faas.TriggerZaqar:
		if s, err := fromzaqar.ParseSettings(json.RawMessage(g.Settings)); err == nil && fromzaqar.PassesOn(s) {
			return passedOnToZaqar
		}
	default:
	}
	return notPassedOn
}

package fromaodh

import (
	"bytes"
	"cmp"
	"encoding/json"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/aodh"
)

// Bounds of what a tenant sends.
const (
	maxAlarmID   = 64
	maxEventType = 255
	maxQueries   = 32
)

// Settings say which alarm a trigger has. Either Alarm or AlarmID is set.
type Settings struct {
	Alarm   *Alarm `json:"alarm,omitempty"`    // which the trigger keeps
	AlarmID string `json:"alarm_id,omitempty"` // of one that was made by hand, and is left alone
	// What follows Action is of an alarm that the trigger keeps.
	Action   string       `json:"action"` // http or trust+http
	Severity string       `json:"severity,omitempty"`
	Repeat   *bool        `json:"repeat,omitempty"` // nil without Alarm
	On       []aodh.State `json:"on,omitempty"`     // the states that are events
}

// Alarm is what Aodh judges by.
type Alarm struct {
	Type aodh.AlarmType  `json:"type"`
	Rule json.RawMessage `json:"rule"` // a JSON object in the form that Aodh has for the type
}

// Values of Settings.Action.
const (
	plainAction = "http"
	trustAction = "trust+http"
)

// ParseSettings reads a trigger's settings, complete or as a user sent them, and fills in what is
// not said. Its errors are of kind faas.Invalid.
func ParseSettings(raw json.RawMessage) (Settings, error) {
	var s Settings
	err := trigger.ReadSettings(raw, &s, "alarm", "alarm_id", "action", "severity", "repeat", "on")
	if err != nil {
		return s, err
	}
	if s.Action == "" {
		s.Action = plainAction
	}
	if err := trigger.OneOf("settings.action", s.Action, plainAction, trustAction); err != nil {
		return s, err
	}
	switch {
	case (s.Alarm == nil) == (s.AlarmID == ""):
		return s, faas.Errorf(faas.Invalid,
			"settings must have either alarm, which the trigger then keeps in Aodh, or alarm_id, of one that you made.")
	case s.Alarm == nil:
		return s, s.ofAnother()
	}
	return s, s.complete(raw)
}

// ofAnother checks what is said of an alarm that was made by hand.
func (s *Settings) ofAnother() error {
	if len(s.AlarmID) > maxAlarmID {
		return faas.Errorf(
			faas.Invalid, "settings.alarm_id has %d bytes; at most %d are allowed.", len(s.AlarmID), maxAlarmID,
		)
	}
	if s.Severity != "" || s.Repeat != nil || s.On != nil {
		return faas.Errorf(faas.Invalid,
			"settings has severity, repeat or on beside alarm_id: an alarm that you made has its own in Aodh.")
	}
	return nil
}

// complete checks what is said of the trigger's own alarm, and fills in the rest.
func (s *Settings) complete(raw json.RawMessage) error {
	var parts struct{ Alarm json.RawMessage }
	if err := json.Unmarshal(raw, &parts); err != nil {
		return faas.Errorf(faas.Invalid, "settings cannot be read.").WithCause(err)
	}
	if err := trigger.ReadObject("settings.alarm", parts.Alarm, s.Alarm, "type", "rule"); err != nil {
		return err
	}
	err := trigger.OneOf("settings.alarm.type", s.Alarm.Type,
		aodh.TypeEvent, aodh.TypeComposite, aodh.TypeResource, aodh.TypeMetrics, aodh.TypeResources)
	if err != nil {
		return err
	}
	if err := s.Alarm.check(); err != nil {
		return err
	}
	if s.Severity == "" {
		s.Severity = "low"
	}
	if err := trigger.OneOf("settings.severity", s.Severity, "low", "moderate", "critical"); err != nil {
		return err
	}
	if s.Repeat == nil {
		repeat := s.Alarm.Type == aodh.TypeEvent
		s.Repeat = &repeat
	}
	return s.completeStates()
}

func (s *Settings) completeStates() error {
	if len(s.On) == 0 {
		s.On = []aodh.State{aodh.StateAlarm}
	}
	seen := map[aodh.State]bool{}
	for _, state := range s.On {
		err := trigger.OneOf("settings.on", state, aodh.StateAlarm, aodh.StateOK, aodh.StateInsufficient)
		if err != nil {
			return err
		}
		if seen[state] {
			return faas.Errorf(faas.Invalid, "settings.on has %q twice.", state)
		}
		seen[state] = true
	}
	return nil
}

// check looks at the rule. Of an event alarm all of it is known here; of others Aodh knows more,
// and the trigger shows what it says.
func (a *Alarm) check() error {
	const where = "settings.alarm.rule"
	if a.Type != aodh.TypeEvent {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(a.Rule, &members); err != nil || members == nil {
			return faas.Errorf(faas.Invalid, "%s must be a JSON object, as Aodh has it for the alarm's type.", where)
		}
		return a.compact()
	}
	var rule aodh.EventRule
	if err := trigger.ReadObject(where, a.Rule, &rule, "event_type", "query"); err != nil {
		return err
	}
	if len(rule.EventType) > maxEventType {
		return faas.Errorf(faas.Invalid, "%s.event_type has more than %d bytes.", where, maxEventType)
	}
	if len(rule.Query) > maxQueries {
		return faas.Errorf(faas.Invalid, "%s.query has %d conditions; at most %d are allowed.",
			where, len(rule.Query), maxQueries)
	}
	var parts struct{ Query []json.RawMessage }
	if err := json.Unmarshal(a.Rule, &parts); err != nil {
		return faas.Errorf(faas.Invalid, "%s cannot be read.", where).WithCause(err)
	}
	for i, part := range parts.Query {
		if err := readQuery(part, where+".query", &rule.Query[i]); err != nil {
			return err
		}
	}
	text, err := json.Marshal(rule)
	a.Rule = text
	return err
}

// readQuery reads a condition and fills in what is not said. A type that Aodh takes and then cannot
// compare, as boolean, would keep all event alarms of the project from firing.
func readQuery(raw json.RawMessage, where string, q *aodh.Query) error {
	if err := trigger.ReadObject(where, raw, q, "field", "op", "value", "type"); err != nil {
		return err
	}
	if q.Field == "" {
		return faas.Errorf(faas.Invalid, "%s has a condition without a field, such as traits.instance_id.", where)
	}
	q.Op, q.Type = cmp.Or(q.Op, "eq"), cmp.Or(q.Type, "string")
	if err := trigger.OneOf(where+".op", q.Op, "eq", "ne", "lt", "le", "gt", "ge"); err != nil {
		return err
	}
	return trigger.OneOf(where+".type", q.Type, "string", "integer", "float")
}

func (a *Alarm) compact() error {
	var b bytes.Buffer
	if err := json.Compact(&b, a.Rule); err != nil {
		return faas.Errorf(faas.Invalid, "settings.alarm.rule cannot be read.").WithCause(err)
	}
	a.Rule = b.Bytes()
	return nil
}

// NeedsToken reports whether Aodh sends the alarm with a token of the alarm's owner, which is then
// to be verified.
func NeedsToken(s Settings) bool { return s.Action == trustAction }

// PassesOn reports whether the trigger's trust has to be one that Aodh can pass on:
// session.Keystone.MakeTrustToPassOn, of a trust that does not end.
func PassesOn(s Settings) bool { return s.Alarm != nil && s.Action == trustAction }

package fromaodh

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/aodh"
)

// state is what the keeper remembers of a trigger. Aodh shows a rule in a form of its own, with
// what was not said filled in: whether somebody changed an alarm is seen by how it was shown after
// the keeper itself had written it.
type state struct {
	AlarmID string `json:"alarm_id,omitempty"`
	Asked   string `json:"asked,omitempty"` // digest of what Aodh was asked for
	Shown   string `json:"shown,omitempty"` // digest of what Aodh showed then
}

// readState returns what is remembered: nothing, when that cannot be read, so that the keeper looks
// for the alarm by its name.
func readState(text string) (s state) {
	if json.Unmarshal([]byte(text), &s) != nil {
		return state{}
	}
	return s
}

// String returns what is to be remembered; never "", for which the state before is kept.
func (s state) String() string {
	text, _ := json.Marshal(s) // texts: cannot fail
	return string(text)
}

// alarmName returns the name of the trigger's alarm: one in its project, and known before the alarm
// is made.
func alarmName(triggerID string) string { return "faas-trigger-" + triggerID }

// wanted returns the alarm that a trigger should have.
func wanted(t faas.Trigger, s Settings, url string) aodh.CreateOpts {
	if s.Action == trustAction {
		url = "trust+" + url
	}
	opts := aodh.CreateOpts{
		Name: alarmName(t.ID), Description: description(t), Type: s.Alarm.Type, Rule: s.Alarm.Rule,
		Disabled: t.Status == faas.TriggerPaused, Repeat: *s.Repeat, Severity: s.Severity,
	}
	for _, on := range s.On {
		switch on {
		case aodh.StateAlarm:
			opts.Actions = []string{url}
		case aodh.StateOK:
			opts.OKActions = []string{url}
		case aodh.StateInsufficient:
			opts.InsufficientActions = []string{url}
		}
	}
	return opts
}

func description(t faas.Trigger) string {
	return "Kept by the functions service for its trigger " + t.ID + ": what is changed here is changed back."
}

// asked returns the digest of what Aodh is asked for.
func asked(opts aodh.CreateOpts) string {
	text, _ := json.Marshal(opts) // texts and JSON that was read before: cannot fail
	return digest(text)
}

// shown returns the digest of an alarm as Aodh shows it, without what evaluation changes.
func shown(a *aodh.Alarm) string {
	text, _ := json.Marshal(struct { // as in asked
		Name, Description string
		Type              aodh.AlarmType
		Enabled, Repeat   bool
		Severity          string
		Actions           [3][]string
		Rule, Constraints any
		ProjectID, UserID string
	}{
		a.Name, a.Description, a.Type, a.Enabled, a.Repeat, a.Severity,
		[3][]string{sorted(a.Actions), sorted(a.OKActions), sorted(a.InsufficientActions)},
		plain(a.Rule), plain(a.TimeConstraints), a.ProjectID, a.UserID,
	})
	return digest(text)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// plain returns JSON whose members are in one order when it is encoded again. Numbers keep their
// digits.
func plain(raw json.RawMessage) (v any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// digestSize is how many bytes of a hash tell one alarm from another: chance cannot make two equal,
// and a user who did would deceive nobody else.
const digestSize = 16

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:digestSize])
}

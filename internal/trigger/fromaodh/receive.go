package fromaodh

import (
	"encoding/json"
	"time"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/aodh"
)

// Receive returns the event of a request to the trigger's URL that arrived just now. What is not
// of the trigger's alarm is an error of kind faas.Invalid. The caller has checked the URL's secret
// and, where NeedsToken says so, the token.
func Receive(t faas.Trigger, body []byte, now time.Time) ([]event.Event, error) {
	s, err := ParseSettings(json.RawMessage(t.Settings))
	if err != nil {
		return nil, err
	}
	n, err := aodh.ParseNotification(body)
	if err != nil {
		return nil, faas.Errorf(faas.Invalid, "The body is not what Aodh sends to an alarm's action.").WithCause(err)
	}
	if !ours(t, s, n) {
		return nil, faas.Errorf(
			faas.Invalid, "The alarm %q is not that of the trigger %s.", trigger.Clip(n.AlarmID), t.ID,
		)
	}
	e, err := event.FromAodh(n, body, now)
	if err != nil {
		return nil, err
	}
	return []event.Event{e}, nil
}

// ours reports whether it is the trigger's alarm that is told of. One may fire before the keeper
// has remembered its id: then it is known by its name, which nobody but the trigger's project can
// give.
func ours(t faas.Trigger, s Settings, n aodh.Notification) bool {
	if s.Alarm == nil {
		return n.AlarmID == s.AlarmID
	}
	if st := readState(t.State); st.AlarmID != "" {
		return n.AlarmID == st.AlarmID
	}
	return n.AlarmName == alarmName(t.ID)
}

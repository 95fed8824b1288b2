package aodh

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Notification is what Aodh POSTs, as JSON, to an alarm's action when the state becomes the one
// that the action is for. trust+http actions have the same body, and in X-Auth-Token a token of the
// alarm's owner. Aodh sends it once and does not look at the answer.
type Notification struct {
	AlarmID   string `json:"alarm_id"`
	AlarmName string `json:"alarm_name"`
	Severity  string `json:"severity"`
	Previous  State  `json:"previous"`
	Current   State  `json:"current"`
	Reason    string `json:"reason"`
	// ReasonData says what the state came of; of an event alarm, {"type": "event", "event": {…}}.
	ReasonData json.RawMessage `json:"reason_data"`
}

var errNotNotification = errors.New("the body is not what Aodh sends to an alarm's action")

// ParseNotification reads the body of a request to an alarm's action. It is an error when the body
// lacks what each of them has.
func ParseNotification(body []byte) (Notification, error) {
	var n Notification
	if err := json.Unmarshal(body, &n); err != nil {
		return n, fmt.Errorf("%w: %w", errNotNotification, err)
	}
	if n.AlarmID == "" || n.Current == "" || n.Previous == "" {
		return n, fmt.Errorf("%w: alarm_id, previous and current are required", errNotNotification)
	}
	return n, nil
}

// Event is the event that an event alarm fired at.
type Event struct {
	MessageID string  `json:"message_id"`
	EventType string  `json:"event_type"`
	Generated Time    `json:"generated"`
	Traits    []Trait `json:"traits"`
}

// Trait is one of an event's: in JSON, [name, type, value].
type Trait struct {
	Name  string
	Value any
}

// UnmarshalJSON reads the three of a trait.
func (t *Trait) UnmarshalJSON(text []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	if len(parts) != 3 {
		return fmt.Errorf("a trait has %d parts, not a name, a type and a value", len(parts))
	}
	return errors.Join(json.Unmarshal(parts[0], &t.Name), json.Unmarshal(parts[2], &t.Value))
}

// Event returns the event that an event alarm fired at; ok is false for any other alarm.
func (n Notification) Event() (e Event, ok bool) {
	var reason struct {
		Type  string
		Event json.RawMessage
	}
	if json.Unmarshal(n.ReasonData, &reason) != nil || reason.Type != "event" {
		return e, false
	}
	return e, json.Unmarshal(reason.Event, &e) == nil && e.EventType != ""
}

package aodh

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// Alarm is an alarm as Aodh shows it.
type Alarm struct {
	ID                  string          `json:"alarm_id"`
	Name                string          `json:"name"`
	Description         string          `json:"description"`
	Type                AlarmType       `json:"type"`
	Enabled             bool            `json:"enabled"`
	Repeat              bool            `json:"repeat_actions"`
	Severity            string          `json:"severity"`
	State               State           `json:"state"`
	StateReason         string          `json:"state_reason"`
	StateChanged        Time            `json:"state_timestamp"`
	Changed             Time            `json:"timestamp"` // when its definition was last changed
	Actions             []string        `json:"alarm_actions"`
	OKActions           []string        `json:"ok_actions"`
	InsufficientActions []string        `json:"insufficient_data_actions"`
	TimeConstraints     json.RawMessage `json:"time_constraints"` // a list
	ProjectID           string          `json:"project_id"`
	UserID              string          `json:"user_id"`
	Rule                json.RawMessage `json:"-"` // the field TYPE_rule, a JSON object
}

// UnmarshalJSON takes the rule from the field that is named after the alarm's type.
func (a *Alarm) UnmarshalJSON(text []byte) error {
	type plain Alarm
	if err := json.Unmarshal(text, (*plain)(a)); err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	a.Rule = fields[string(a.Type)+"_rule"]
	return nil
}

// Time is a time of Aodh's: in UTC, and without saying so.
type Time struct{ time.Time }

// UnmarshalJSON reads a time.
func (t *Time) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil || s == "" {
		return err
	}
	s = strings.TrimSuffix(strings.TrimSuffix(s, "Z"), "+00:00")
	at, err := time.Parse("2006-01-02T15:04:05.999999", s)
	t.Time = at
	return err
}

// AlarmResult is the answer to Create, Get and Update.
type AlarmResult struct{ gophercloud.Result }

// Extract returns the alarm.
func (r AlarmResult) Extract() (*Alarm, error) {
	var a Alarm
	if err := r.ExtractInto(&a); err != nil {
		return nil, err
	}
	return &a, nil
}

// ListResult is the answer to List.
type ListResult struct{ gophercloud.Result }

// Extract returns the alarms.
func (r ListResult) Extract() ([]Alarm, error) {
	var all []Alarm
	err := r.ExtractInto(&all)
	return all, err
}

// DeleteResult is the answer to Delete. Its ExtractErr reports whether it succeeded.
type DeleteResult struct{ gophercloud.ErrResult }

// StateResult is the answer to SetState. Its ExtractErr reports whether it succeeded.
type StateResult struct{ gophercloud.ErrResult }

// whereQuery returns Aodh's way of writing conditions: q.field, q.op and q.value, again and again,
// in one order each.
func whereQuery(where map[string]string) string {
	query := url.Values{}
	for _, field := range slices.Sorted(maps.Keys(where)) {
		query.Add("q.field", field)
		query.Add("q.op", "eq")
		query.Add("q.value", where[field])
	}
	return query.Encode()
}

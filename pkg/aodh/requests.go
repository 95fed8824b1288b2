package aodh

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
)

// AlarmType says by what an alarm is judged. Its rule is in the field TYPE_rule.
type AlarmType string

// The types of Aodh's own rules.
const (
	TypeEvent     AlarmType = "event"
	TypeComposite AlarmType = "composite"
	// Thresholds on measures in Gnocchi: of one resource, of metrics together, of resources together.
	TypeResource  AlarmType = "gnocchi_resources_threshold"
	TypeMetrics   AlarmType = "gnocchi_aggregation_by_metrics_threshold"
	TypeResources AlarmType = "gnocchi_aggregation_by_resources_threshold"
)

// State is an alarm's.
type State string

// The states.
const (
	StateOK           State = "ok"
	StateAlarm        State = "alarm"
	StateInsufficient State = "insufficient data"
)

// Query is one condition of an event alarm's rule.
type Query struct {
	Field string `json:"field"`        // as in traits.instance_id
	Op    string `json:"op,omitempty"` // eq, ne, lt, le, gt or ge; eq when ""
	Value string `json:"value"`
	Type  string `json:"type"` // of Value: string, integer or float; string when "", which Aodh wants to be said
}

// EventRule is the rule of an alarm of TypeEvent.
type EventRule struct {
	EventType string  `json:"event_type,omitempty"` // may hold *; any when ""
	Query     []Query `json:"query,omitempty"`      // all of which must hold
}

// CreateOpts describe an alarm. Update takes them, too: Aodh replaces an alarm as a whole.
type CreateOpts struct {
	Name        string
	Description string
	Type        AlarmType
	Rule        any // an EventRule, or any value that encodes to the JSON object that the type asks for
	Disabled    bool
	// State is the one that the alarm is in from now on, as far as its next evaluation. Aodh's Update
	// starts at insufficient data, too, when it is "".
	State State
	// Repeat has the actions taken at each evaluation in the alarm's state, not only at its change; an
	// event alarm then fires at every event.
	Repeat              bool
	Severity            string   // low, moderate or critical; low when ""
	Actions             []string // URLs that are called when the state becomes alarm
	OKActions           []string
	InsufficientActions []string
}

// ToAlarmMap returns the body of a request.
func (o CreateOpts) ToAlarmMap() (map[string]any, error) {
	switch {
	case o.Name == "":
		return nil, gophercloud.ErrMissingInput{Argument: "aodh.CreateOpts.Name"}
	case o.Type == "":
		return nil, gophercloud.ErrMissingInput{Argument: "aodh.CreateOpts.Type"}
	case o.Rule == nil:
		return nil, gophercloud.ErrMissingInput{Argument: "aodh.CreateOpts.Rule"}
	}
	body := map[string]any{
		"name": o.Name, "type": o.Type, string(o.Type) + "_rule": o.Rule, "enabled": !o.Disabled, "repeat_actions": o.Repeat,
		"alarm_actions": notNil(o.Actions), "ok_actions": notNil(o.OKActions),
		"insufficient_data_actions": notNil(o.InsufficientActions),
	}
	if o.Description != "" {
		body["description"] = o.Description
	}
	if o.State != "" {
		body["state"] = o.State
	}
	if o.Severity != "" {
		body["severity"] = o.Severity
	}
	return body, nil
}

// notNil keeps JSON's null out of a body: Aodh takes lists only.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// CreateOptsBuilder lets others describe alarms in their own way.
type CreateOptsBuilder interface {
	ToAlarmMap() (map[string]any, error)
}

// Create makes an alarm in the project of the client's token.
func Create(ctx context.Context, client *gophercloud.ServiceClient, opts CreateOptsBuilder) (r AlarmResult) {
	body, err := opts.ToAlarmMap()
	if err != nil {
		r.Err = err
		return r
	}
	answer, err := client.Post(ctx, alarmsURL(client), body, &r.Body, &gophercloud.RequestOpts{
		OkCodes: []int{http.StatusCreated},
	})
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// Get reads an alarm.
func Get(ctx context.Context, client *gophercloud.ServiceClient, id string) (r AlarmResult) {
	answer, err := client.Get(ctx, alarmURL(client, id), &r.Body, nil)
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// Update replaces an alarm. What opts do not say becomes Aodh's default.
func Update(ctx context.Context, client *gophercloud.ServiceClient, id string, opts CreateOptsBuilder) (r AlarmResult) {
	body, err := opts.ToAlarmMap()
	if err != nil {
		r.Err = err
		return r
	}
	answer, err := client.Put(ctx, alarmURL(client, id), body, &r.Body, &gophercloud.RequestOpts{
		OkCodes: []int{http.StatusOK},
	})
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// Delete deletes an alarm, and with it the trust that Aodh made for its trust+http actions.
func Delete(ctx context.Context, client *gophercloud.ServiceClient, id string) (r DeleteResult) {
	answer, err := client.Delete(ctx, alarmURL(client, id), nil)
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// List lists the project's alarms whose fields have these values: name, type, state, enabled, …
// Aodh answers with all of them at once.
func List(ctx context.Context, client *gophercloud.ServiceClient, where map[string]string) (r ListResult) {
	at := alarmsURL(client)
	if query := whereQuery(where); query != "" {
		at += "?" + query
	}
	answer, err := client.Get(ctx, at, &r.Body, nil)
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

// SetState puts an alarm into a state, as its evaluation would, and so has its actions taken.
func SetState(ctx context.Context, client *gophercloud.ServiceClient, id string, state State) (r StateResult) {
	// The body is a JSON string, which gophercloud's JSONBody sends as it does any value.
	text, err := json.Marshal(state)
	if err != nil {
		r.Err = fmt.Errorf("encode the state: %w", err)
		return r
	}
	answer, err := client.Put(ctx, stateURL(client, id), json.RawMessage(text), &r.Body, &gophercloud.RequestOpts{
		OkCodes: []int{http.StatusOK},
	})
	_, r.Header, r.Err = gophercloud.ParseResponse(answer, err)
	return r
}

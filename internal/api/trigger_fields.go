package api

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/trigger/fromaodh"
	"github.com/openstack-faas/faas/internal/trigger/frombus"
	"github.com/openstack-faas/faas/internal/trigger/fromclock"
	"github.com/openstack-faas/faas/internal/trigger/fromswift"
	"github.com/openstack-faas/faas/internal/trigger/fromweb"
	"github.com/openstack-faas/faas/internal/trigger/fromzaqar"
	"github.com/openstack-faas/faas/internal/webhook"
)

const (
	defaultRetries    = 2
	defaultRetryDelay = 30
	maxRetries        = 10
	maxRetryDelay     = 3600 // seconds
)

// settingsReader reads the settings of a source and returns them complete, as a value that encodes
// to a JSON object. An error is a *faas.Error.
type settingsReader func(raw json.RawMessage) (any, error)

// triggerSources are the sources that triggers of this deployment may have.
type triggerSources map[faas.TriggerSource]settingsReader

// newTriggerSources returns the sources. Some are of other services, which only a deployment with a
// Keystone knows.
func newTriggerSources(openstack bool) triggerSources {
	all := triggerSources{
		faas.TriggerClock:   settingsOf(fromclock.ParseSettings),
		faas.TriggerWebhook: settingsOf(fromweb.ParseSettings),
	}
	if openstack {
		all.addOpenStack()
	}
	return all
}

func settingsOf[T any](parse func(json.RawMessage) (T, error)) settingsReader {
	return func(raw json.RawMessage) (any, error) { return parse(raw) }
}

// field returns the source that a request names.
func (s triggerSources) field(o *fields.Object) faas.TriggerSource {
	text := o.Line("source")
	source := faas.TriggerSource(text)
	if s[source] != nil {
		return source
	}
	var names []string
	for name := range s {
		names = append(names, string(name))
	}
	slices.Sort(names)
	o.Refuse("source must be one of %s; it is %q.", strings.Join(names, ", "), request.Short(text))
	return source
}

// triggerChange is what a request sets of a trigger; nil leaves a field as it is.
type triggerChange struct {
	name, description, settings, filter, template *string
	retries, delay                                *int64
	status                                        *faas.TriggerStatus
	calls                                         store.WebhookChange
}

// change reads the fields of a request for the trigger.
func (h *triggerHandlers) change(o *fields.Object, of faas.Trigger) triggerChange {
	c := triggerChange{
		name: o.Text("name", fields.MaxLine), description: o.Text("description", fields.MaxLine),
		retries: o.Number("retries", "", 0, maxRetries), delay: o.Number("retry_delay", " seconds", 1, maxRetryDelay),
		filter: checked(o, "filter", '[', event.ParseFilter), template: checked(o, "input", '{', event.ParseTemplate),
	}
	c.settings = h.settingsField(o, of)
	if status := o.Text("status", fields.MaxLine); status != nil {
		switch *status {
		case string(faas.TriggerPaused):
			c.status = &pausedTrigger
		case string(faas.TriggerActive):
			first := firstStatus(of.Source)
			c.status = &first
		default:
			o.Refuse("status must be active or paused; it is %q.", request.Short(*status))
		}
	}
	return c
}

var pausedTrigger = faas.TriggerPaused

// settingsField returns the settings that a request brings, complete; those of a new trigger are
// never nil.
func (h *triggerHandlers) settingsField(o *fields.Object, of faas.Trigger) *string {
	raw, ok := o.Get("settings")
	read := h.sources[of.Source]
	if !ok && of.Settings != "" || read == nil { // an unknown source was refused, or is not there any more
		if ok {
			o.Refuse("settings can not be changed: this deployment has no triggers of the source %s.", of.Source)
		}
		return nil
	}
	settings, err := read(raw)
	if err != nil {
		if o.Wrong == nil {
			o.Wrong = err
		}
		return nil
	}
	text, err := faas.PlainJSON(settings)
	if err != nil {
		o.Refuse("settings can not be recorded: %s.", err)
		return nil
	}
	complete := string(text)
	return &complete
}

// checked returns a field of JSON that parses, compact; "" for an empty one, nil when it is not
// set.
func checked[T any](o *fields.Object, name string, first byte, parse func(json.RawMessage) (T, error)) *string {
	raw, ok := o.Get(name)
	if !ok {
		return nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil || compact.Bytes()[0] != first {
		o.Refuse("%s must be a JSON %s; it is %s.", name, map[byte]string{'[': "array", '{': "object"}[first],
			request.Short(string(raw)))
		return nil
	}
	text := compact.String()
	if text == "[]" || text == "{}" {
		text = ""
		return &text
	}
	if _, err := parse(compact.Bytes()); err != nil {
		o.Refuse("%s: %s", name, faas.Said(err))
		return nil
	}
	return &text
}

func (c triggerChange) apply(t *faas.Trigger) {
	setIf(&t.Name, c.name)
	setIf(&t.Description, c.description)
	setIf(&t.Settings, c.settings)
	setIf(&t.Filter, c.filter)
	setIf(&t.Template, c.template)
	if c.retries != nil {
		t.Retries = int(*c.retries)
	}
	if c.delay != nil {
		t.RetryDelay = int(*c.delay)
	}
	if c.status != nil && (*c.status == faas.TriggerPaused) != (t.Status == faas.TriggerPaused) {
		t.Status, t.StatusReason = *c.status, ""
	}
	t.Calls = c.calls.Called(t.Calls)
}

// sealSecret has the signing secret of a trigger's settings sealed for the database, and returns it
// when it is new. Settings that demand signatures and bring no secret keep the one before, or get
// one.
func (h *triggerHandlers) sealSecret(t *faas.Trigger, before string) (shown faas.Secret, err error) {
	if t.Source != faas.TriggerWebhook || t.Settings == before {
		return "", nil
	}
	settings, err := fromweb.Stored(t.Settings)
	if err != nil || settings.Scheme() == faas.SignatureNone {
		return "", err
	}
	secret := faas.Secret(settings.SigningSecret)
	if had, err := fromweb.Stored(before); err == nil && secret == "" && had.Signature == settings.Signature {
		settings.SigningSecret, settings.Sealed = had.SigningSecret, true
		text, err := faas.PlainJSON(settings)
		t.Settings = string(text)
		return "", err
	}
	if secret == "" {
		secret = webhook.NewSigningSecret()
	} else if wrong := webhook.CheckSigningSecret(settings.Scheme(), secret); wrong != "" {
		return "", faas.Errorf(faas.Invalid, "settings.signing_secret %s.", wrong)
	}
	settings.SigningSecret, settings.Sealed = h.keys.Seal(t.ID, secret), true
	text, err := faas.PlainJSON(settings)
	t.Settings = string(text)
	return secret, err
}

func (s triggerSources) addOpenStack() {
	s[faas.TriggerAodh] = settingsOf(fromaodh.ParseSettings)
	s[faas.TriggerZaqar] = settingsOf(fromzaqar.ParseSettings)
	s[faas.TriggerSwift] = settingsOf(fromswift.ParseSettings)
	s[faas.TriggerNotification] = settingsOf(frombus.ParseSettings)
}

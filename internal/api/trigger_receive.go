package api

import (
	"encoding/json"
	"net/http"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger/fromaodh"
	"github.com/openstack-faas/faas/internal/trigger/fromweb"
	"github.com/openstack-faas/faas/internal/trigger/fromzaqar"
	"github.com/openstack-faas/faas/internal/webhook"
)

// newTriggerReceivers returns what makes events of requests, by source.
func newTriggerReceivers() map[faas.TriggerSource]receiver {
	return map[faas.TriggerSource]receiver{
		faas.TriggerWebhook: (*triggerDoor).receiveWeb,
		faas.TriggerAodh:    (*triggerDoor).receiveAlarm,
		faas.TriggerZaqar:   (*triggerDoor).receiveMessage,
	}
}

// receiveWeb takes the events of a request of anybody's, once its signature is right where one is
// demanded.
func (d *triggerDoor) receiveWeb(r *http.Request, t faas.Trigger, body []byte) ([]event.Event, error) {
	settings, err := fromweb.Stored(t.Settings)
	if err != nil {
		return nil, err
	}
	if scheme := settings.Scheme(); scheme != faas.SignatureNone {
		secret, err := d.keys.Open(t.ID, settings.SigningSecret)
		if err != nil {
			return nil, err // ours: the log has it
		}
		if err := webhook.Verify(scheme, []faas.Secret{secret}, r.Header, body, d.now()); err != nil {
			return nil, faas.Errorf(faas.Forbidden, "The trigger takes signed requests only: the signature is missing, wrong "+
				"or too old.").WithCause(err)
		}
	}
	return event.FromRequest(r.Header, body, event.Plain{
		Type: settings.Type, Source: "/v1/triggers/" + t.ID, Time: d.now(),
	})
}

// receiveAlarm takes what Aodh sends when the trigger's alarm changes its state.
func (d *triggerDoor) receiveAlarm(r *http.Request, t faas.Trigger, body []byte) ([]event.Event, error) {
	settings, err := fromaodh.ParseSettings(json.RawMessage(t.Settings))
	if err != nil {
		return nil, err
	}
	if fromaodh.NeedsToken(settings) {
		if err := d.fromProject(r, t); err != nil {
			return nil, err
		}
	}
	return fromaodh.Receive(t, body, d.now())
}

// receiveMessage takes a message of the trigger's queue.
func (d *triggerDoor) receiveMessage(r *http.Request, t faas.Trigger, body []byte) ([]event.Event, error) {
	settings, err := fromzaqar.ParseSettings(json.RawMessage(t.Settings))
	if err != nil {
		return nil, err
	}
	if fromzaqar.NeedsToken(settings) {
		if err := d.fromProject(r, t); err != nil {
			return nil, err
		}
	}
	return fromzaqar.Receive(t, body, d.now())
}

// fromProject checks that the request's token is of the trigger's project, where its source sends
// one.
func (d *triggerDoor) fromProject(r *http.Request, t faas.Trigger) error {
	id, err := d.auth.Authenticate(r)
	if err != nil {
		return err
	}
	if id.ProjectID != t.ProjectID {
		return faas.Errorf(faas.Forbidden, "The token is of another project than the trigger.")
	}
	return nil
}

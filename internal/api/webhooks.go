package api

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/list"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/webhook"
)

// webhookHandlers answer for /v1/webhooks; webhookCalls answer those who have a webhook's URL.
type webhookHandlers struct {
	store    *store.Store
	policy   *policy.Enforcer
	keys     *webhook.Keys
	limiter  *webhook.Limiter
	bodies   fields.Bodies
	lists    list.Reader
	endpoint answer.Endpoint // of the webhooks' URLs
	quota    projectQuota
	log      *slog.Logger
	now      func() time.Time
}

var (
	webhookFields    = []string{"function_id", "function_version", "function_alias", "description"}
	webhookSetFields = []string{"signature", "signing_secret", "expires_at", "rate_limit", "body", "sync"}
)

func (h *webhookHandlers) create(r *http.Request, id faas.Identity) (any, error) {
	o, err := h.bodies.ReadObject(r, fieldsSince(r, request.V13, webhookFields, webhookSetFields...)...)
	if err != nil {
		return nil, err
	}
	w := faas.Webhook{
		ID: faas.NewID(), ProjectID: id.ProjectID, CreatedAt: h.now(), Generation: 1,
		Calls: fields.FunctionRef(r, id, o, h.store.FunctionID), Description: o.Line("description"),
	}
	asked := h.settings(o)
	if err := o.Fault(); err != nil {
		return nil, err
	}
	secret, err := h.signingSecret(w, asked)
	if err != nil {
		return nil, err
	}
	w.Signature, w.SigningSecret = fields.ValueOr(asked.scheme, faas.SignatureNone), fields.ValueOr(secret.sealed, "")
	w.ExpiresAt, w.RateLimit = fields.ValueOr(asked.expires, time.Time{}), fields.ValueOr(asked.rateLimit, 0)
	w.Body, w.Sync = fields.ValueOr(asked.body, faas.WebhookJSON), fields.ValueOr(asked.sync, false)
	limits, err := h.quota.limits(r.Context(), id.ProjectID)
	if err != nil {
		return nil, err
	}
	if w, err = h.store.CreateWebhook(r.Context(), w, limits); err != nil {
		return nil, err
	}
	h.audit(r, id, w, "a webhook was created")
	return answer.Created{Body: h.viewWith(r, id, w, secret.text)}, nil
}

func (h *webhookHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	return list.Answer(h.lists, r, id, list.Of[faas.Webhook, webhookView]{
		Plural: "webhooks", Rule: "webhook:get_all:all_projects", Read: h.store.Webhooks,
		View:  h.viewer(r, id),
		Texts: func(w faas.Webhook) int { return len(w.Description) },
	})
}

func (h *webhookHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	webhookID, err := request.PathID(r)
	if err != nil {
		return nil, err
	}
	w, err := readOne(r, h.policy, id, func(scope faas.Scope) (faas.Webhook, error) {
		return h.store.Webhook(r.Context(), scope, webhookID)
	})
	if err != nil {
		return nil, err
	}
	return h.viewer(r, id)(w), nil
}

// update is PUT /v1/webhooks/{id}. Clients of old write every field that they know, and null where
// it is to stay.
func (h *webhookHandlers) update(r *http.Request, id faas.Identity) (any, error) {
	webhookID, err := request.PathID(r)
	if err != nil {
		return nil, err
	}
	o, err := h.bodies.ReadObject(r, fieldsSince(r, request.V13, webhookFields, webhookSetFields...)...)
	if err != nil {
		return nil, err
	}
	change, asked := calledChange(r, id, o, h.store.FunctionID), h.settings(o)
	change.Description = o.Text("description", fields.MaxLine)
	if err := o.Fault(); err != nil {
		return nil, err
	}
	before, err := h.store.Webhook(r.Context(), faas.ProjectScope(id), webhookID)
	if err != nil {
		return nil, err
	}
	secret, err := h.signingSecret(before, asked)
	if err != nil {
		return nil, err
	}
	change.Signature, change.SigningSecret = asked.scheme, secret.sealed
	change.ExpiresAt, change.RateLimit, change.Body, change.Sync = asked.expires, asked.rateLimit, asked.body, asked.sync
	after, err := h.store.UpdateWebhook(r.Context(), faas.ProjectScope(id), webhookID, change)
	if err != nil {
		return nil, err
	}
	h.lookAgain(after)
	h.audit(r, id, after, "a webhook was changed")
	return h.viewWith(r, id, after, secret.text), nil
}

func (h *webhookHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	webhookID, err := request.PathID(r)
	if err != nil {
		return nil, err
	}
	gone, err := h.store.DeleteWebhook(r.Context(), faas.ProjectScope(id), webhookID)
	if err != nil {
		return nil, err
	}
	h.lookAgain(gone)
	h.audit(r, id, gone, "a webhook was deleted")
	return answer.NoContent{}, nil
}

// maxOverlap is how long a URL may be good after it was replaced: 30 days.
const maxOverlap = 30 * 24 * 60 * 60

// rotate is POST /v1/webhooks/{id}/rotate: the webhook gets a new URL, and a new signing secret if
// it has one. Both that it had hold for the seconds of overlap, in which senders are told the new
// ones.
func (h *webhookHandlers) rotate(r *http.Request, id faas.Identity) (any, error) {
	webhookID, err := request.PathID(r)
	if err != nil {
		return nil, err
	}
	o, err := h.bodies.ReadObject(r, "overlap", "signing_secret")
	if err != nil {
		return nil, err
	}
	var until time.Time
	if overlap := fields.ValueOr(o.Number("overlap", " seconds", 0, maxOverlap), 0); overlap > 0 {
		until = h.now().Add(time.Duration(overlap) * time.Second)
	}
	asked := webhookSettings{secret: secretField(o, "signing_secret"), renew: true}
	if err := o.Fault(); err != nil {
		return nil, err
	}
	before, err := h.store.Webhook(r.Context(), faas.ProjectScope(id), webhookID)
	if err != nil {
		return nil, err
	}
	secret, err := h.signingSecret(before, asked)
	if err != nil {
		return nil, err
	}
	after, err := h.store.RotateWebhook(
		r.Context(), faas.ProjectScope(id), webhookID, fields.ValueOr(secret.sealed, ""), until,
	)
	if err != nil {
		return nil, err
	}
	h.lookAgain(after)
	h.audit(r, id, after, "a webhook got another URL")
	return h.viewWith(r, id, after, secret.text), nil
}

// lookAgain has the URLs of a webhook be looked up that were a moment ago.
func (h *webhookHandlers) lookAgain(w faas.Webhook) {
	for generation := w.Generation - 1; generation <= w.Generation; generation++ {
		h.limiter.Back(webhook.URL{ID: w.ID, Generation: generation})
	}
}

// audit has the log say who changed a webhook, and never its secrets.
func (h *webhookHandlers) audit(r *http.Request, id faas.Identity, w faas.Webhook, what string) {
	h.log.Info(what, "request_id", request.Of(r).ID, "user_id", id.UserID, "project_id", w.ProjectID, "webhook_id", w.ID,
		"function_id", w.Calls.FunctionID, "function_alias", w.Calls.Alias)
}

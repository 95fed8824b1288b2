package api

import (
	"net/http"
	"net/url"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
)

type webhookView struct {
	ID              string  `json:"id"`
	FunctionAlias   *string `json:"function_alias"`
	FunctionID      *string `json:"function_id"`
	FunctionVersion *int    `json:"function_version"` // null where an alias says it
	Description     *string `json:"description"`
	ProjectID       string  `json:"project_id"`
	CreatedAt       *string `json:"created_at"`
	UpdatedAt       *string `json:"updated_at"`
	WebhookURL      *string `json:"webhook_url"` // null for those who may not know it

	*WebhookSettings // ours, from microversion 1.3 on
}

// WebhookSettings is exported for encoding/json, which sets no embedded pointer to another type.
type WebhookSettings struct {
	Signature     string  `json:"signature"`
	SigningSecret *string `json:"signing_secret"` // shown when it was made, and never again
	ExpiresAt     *string `json:"expires_at"`
	RateLimit     *int64  `json:"rate_limit"`
	Body          string  `json:"body"`
	Sync          bool    `json:"sync"`
	PreviousUntil *string `json:"previous_until"` // until when the URL before is good
}

// viewer returns how webhooks look to the caller. Whoever knows the URL can have the function run. So
// it is shown only to those whom policy lets know it: not to readers, and not to administrators of
// other projects. A list asks once for each project.
func (h *webhookHandlers) viewer(r *http.Request, id faas.Identity) func(faas.Webhook) webhookView {
	mayKnow := map[string]bool{}
	return func(w faas.Webhook) webhookView {
		may, asked := mayKnow[w.ProjectID]
		if !asked {
			may = h.policy.Allow(r.Context(), id, "webhook:get_url", policy.Target{ProjectID: w.ProjectID}) == nil
			mayKnow[w.ProjectID] = may
		}
		v := h.view(r, w)
		if may {
			at := h.url(r, w)
			v.WebhookURL = &at
		}
		return v
	}
}

// viewWith shows a webhook and, this once, the signing secret that it was given by this request; "" for
// none.
func (h *webhookHandlers) viewWith(r *http.Request, id faas.Identity, w faas.Webhook, secret faas.Secret) webhookView {
	v := h.viewer(r, id)(w)
	if v.WebhookSettings != nil {
		v.SigningSecret = orNull(secret.Reveal())
	}
	return v
}

// view shows a webhook without its secrets.
func (h *webhookHandlers) view(r *http.Request, w faas.Webhook) webhookView {
	v := webhookView{
		ID: w.ID, FunctionAlias: orNull(w.Calls.Alias), FunctionID: orNull(w.Calls.FunctionID),
		Description: orNull(w.Description), ProjectID: w.ProjectID,
		CreatedAt: timeText(w.CreatedAt), UpdatedAt: timeText(w.UpdatedAt),
	}
	if w.Calls.Alias == "" {
		v.FunctionVersion = &w.Calls.Version
	}
	if !request.Of(r).Version.AtLeast(request.V13) {
		return v
	}
	v.WebhookSettings = &WebhookSettings{
		Signature: orName(string(w.Signature), none), ExpiresAt: timeText(w.ExpiresAt),
		Body: orName(string(w.Body), jsonBody), Sync: w.Sync,
	}
	if w.RateLimit > 0 {
		v.RateLimit = &w.RateLimit
	}
	if h.now().Before(w.PreviousUntil) {
		v.PreviousUntil = timeText(w.PreviousUntil)
	}
	return v
}

// url returns the URL by which anybody who knows it calls the webhook.
func (h *webhookHandlers) url(r *http.Request, w faas.Webhook) string {
	query := url.Values{secretParameter: {h.keys.URLSecret(w.ID, w.Generation).Reveal()}}
	return h.endpoint.Of(r) + "/v1/webhooks/" + w.ID + "/invoke?" + query.Encode()
}

func orName(text, empty string) string {
	if text == "" {
		return empty
	}
	return text
}

package api

import (
	"encoding/json"
	"net/http"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/webhook"
)

type triggerView struct {
	ID              string          `json:"id"`
	Name            *string         `json:"name"`
	Description     *string         `json:"description"`
	Source          string          `json:"source"`
	Settings        json.RawMessage `json:"settings"`
	Filter          json.RawMessage `json:"filter"` // null: every event passes
	Input           json.RawMessage `json:"input"`  // null: the event alone is the input
	FunctionID      *string         `json:"function_id"`
	FunctionVersion *int            `json:"function_version"` // null where an alias says it
	FunctionAlias   *string         `json:"function_alias"`
	Retries         int             `json:"retries"`
	RetryDelay      int             `json:"retry_delay"` // seconds
	Status          string          `json:"status"`
	StatusReason    *string         `json:"status_reason"`
	URL             *string         `json:"url"` // null for sources that need none, and for those who may not know it
	Delivered       int64           `json:"delivered"`
	Filtered        int64           `json:"filtered"`
	Duplicates      int64           `json:"duplicates"`
	Failed          int64           `json:"failed"`
	LastEventAt     *string         `json:"last_event_at"`
	LastEventID     *string         `json:"last_event_id"`
	LastError       *string         `json:"last_error"`
	LastErrorAt     *string         `json:"last_error_at"`
	ProjectID       string          `json:"project_id"`
	UserID          string          `json:"user_id"`
	CreatedAt       *string         `json:"created_at"`
	UpdatedAt       *string         `json:"updated_at"`
}

// viewer returns how triggers look to the caller: with their URLs to those only who may know them,
// as with webhooks.
func (h *triggerHandlers) viewer(r *http.Request, id faas.Identity) func(faas.Trigger) triggerView {
	mayKnow := map[string]bool{}
	return func(t faas.Trigger) triggerView {
		may, asked := mayKnow[t.ProjectID]
		if !asked {
			may = h.policy.Allow(r.Context(), id, "trigger:get_url", policy.Target{ProjectID: t.ProjectID}) == nil
			mayKnow[t.ProjectID] = may
		}
		v := viewTrigger(t)
		if may && t.Source.Door() {
			at := h.url(r, t)
			v.URL = &at
		}
		return v
	}
}

func viewTrigger(t faas.Trigger) triggerView {
	v := triggerView{
		ID: t.ID, Name: orNull(t.Name), Description: orNull(t.Description), Source: string(t.Source),
		Settings: shownSettings(t.Settings, ""), Filter: jsonOrNull(t.Filter), Input: jsonOrNull(t.Template),
		FunctionID: orNull(t.Calls.FunctionID), FunctionAlias: orNull(t.Calls.Alias), Retries: t.Retries,
		RetryDelay: t.RetryDelay, Status: string(t.Status), StatusReason: orNull(t.StatusReason),
		Delivered: t.Seen.Delivered, Filtered: t.Seen.Filtered, Duplicates: t.Seen.Duplicates, Failed: t.Seen.Failed,
		LastEventAt: timeText(t.Seen.LastEventAt), LastEventID: orNull(t.Seen.LastEventID),
		LastError: orNull(t.Seen.LastError), LastErrorAt: timeText(t.Seen.LastErrorAt), ProjectID: t.ProjectID,
		UserID: t.UserID, CreatedAt: timeText(t.CreatedAt), UpdatedAt: timeText(t.UpdatedAt),
	}
	if t.Calls.Alias == "" {
		v.FunctionVersion = &t.Calls.Version
	}
	return v
}

// viewWith shows a trigger and, this once, the signing secret that it was given by this request; ""
// for none.
func (h *triggerHandlers) viewWith(r *http.Request, id faas.Identity, t faas.Trigger, secret faas.Secret) triggerView {
	v := h.viewer(r, id)(t)
	v.Settings = shownSettings(t.Settings, secret)
	return v
}

// shownSettings returns the settings without what is sealed in them, and with the secret when there
// is one to be shown.
func shownSettings(text string, secret faas.Secret) json.RawMessage {
	const member = "signing_secret"
	var settings map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &settings) != nil {
		return json.RawMessage("{}")
	}
	if _, sealed := settings["sealed"]; !sealed && secret == "" {
		return json.RawMessage(text)
	}
	delete(settings, "sealed")
	delete(settings, member)
	if secret != "" {
		settings[member], _ = json.Marshal(secret.Reveal()) // a text: cannot fail
	}
	shown, _ := faas.PlainJSON(settings) // was JSON before
	return shown
}

func jsonOrNull(text string) json.RawMessage {
	if text == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(text)
}

// url returns the URL by which whoever knows it sends events to the trigger.
func (h *triggerHandlers) url(r *http.Request, t faas.Trigger) string {
	return webhook.TriggerURL(h.endpoint.Of(r), t.ID, h.keys.URLSecret(t.ID, t.Generation))
}

package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// WebhookStore keeps webhooks, the URLs by which functions are called without a token.
type WebhookStore struct {
	*core
	webhooks *shared[string, faas.Webhook]
}

func newWebhookStore(c *core) *WebhookStore {
	s := &WebhookStore{core: c}
	s.webhooks = newShared(s.readWebhook)
	return s
}

// The columns that make a URL and its signatures good are not compared: lists do not find webhooks
// by them.
var webhooks = newResource(table{name: "webhooks", noun: "webhook"}, []column[faas.Webhook]{
	{name: "id", at: func(w *faas.Webhook) any { return &w.ID }, kind: code, index: indexOfEach, rule: insertOnly},
	{name: "project_id", at: func(w *faas.Webhook) any { return &w.ProjectID }, kind: text, index: indexOfValue,
		rule: insertOnly},
	{name: "function_id", at: func(w *faas.Webhook) any { return referenceColumn{&w.Calls.FunctionID} }, kind: code,
		index: indexOfValue},
	{name: "function_version", at: func(w *faas.Webhook) any { return &w.Calls.Version }, kind: number},
	{name: "function_alias", at: func(w *faas.Webhook) any { return &w.Calls.Alias }, kind: text},
	{name: "description", at: func(w *faas.Webhook) any { return &w.Description }, kind: text},
	{name: "generation", at: func(w *faas.Webhook) any { return &w.Generation }},
	{name: "previous_until", at: func(w *faas.Webhook) any { return timeColumn{&w.PreviousUntil} }},
	{name: "signature", at: func(w *faas.Webhook) any { return &w.Signature }},
	{name: "signing_secret", at: func(w *faas.Webhook) any { return &w.SigningSecret }},
	{name: "previous_key", at: func(w *faas.Webhook) any { return &w.PreviousKey }},
	{name: "expires_at", at: func(w *faas.Webhook) any { return timeColumn{&w.ExpiresAt} }},
	{name: "rate_limit", at: func(w *faas.Webhook) any { return &w.RateLimit }},
	{name: "body", at: func(w *faas.Webhook) any { return &w.Body }},
	{name: "sync", at: func(w *faas.Webhook) any { return &w.Sync }},
	{name: "created_at", at: func(w *faas.Webhook) any { return timeColumn{&w.CreatedAt} }, kind: instant,
		index: indexOfRange, rule: insertOnly},
	{name: "updated_at", at: func(w *faas.Webhook) any { return timeColumn{&w.UpdatedAt} }, kind: instant},
})

// WebhookChange is what UpdateWebhook changes; nil leaves a field as it is. A function or a version
// takes the place of an alias, and an alias that of both.
type WebhookChange struct {
	FunctionID  *string
	Version     *int
	Alias       *string
	Description *string
	Signature   *faas.SignatureScheme
	// sealed; it takes the place of both that there were
	SigningSecret *string
	ExpiresAt     *time.Time // zero: never
	RateLimit     *int64
	Body          *faas.WebhookBody
	Sync          *bool
}

// CreateWebhook records a webhook and returns it as recorded. An empty ID or CreatedAt is filled
// in, and a Generation of 0 becomes 1. A function, version or alias that its project does not have
// is a faas.NotFound. What the project has then is within the quota, which may be nil, or the error
// is a faas.OverQuota.
func (s *WebhookStore) CreateWebhook(ctx context.Context, w faas.Webhook, quota faas.Amounts) (faas.Webhook, error) {
	if w.ID == "" {
		w.ID = faas.NewID()
	}
	if w.CreatedAt.IsZero() {
		w.CreatedAt = s.now()
	}
	w.Generation = max(w.Generation, 1)
	for _, at := range []*time.Time{&w.CreatedAt, &w.UpdatedAt, &w.ExpiresAt, &w.PreviousUntil} {
		*at = moment(micros(*at))
	}
	err := s.recorder.do(ctx, func(t *tx) error {
		if err := t.references.mayCall(w.ProjectID, w.Calls); err != nil {
			return err
		}
		if err := t.quota.use(w.ProjectID, faas.ResourceWebhooks, +1, quota); err != nil {
			return err
		}
		query, args := webhooks.insert(t.grammar, &w)
		_, err := t.exec(query, args...)
		return t.already("webhook", w.ID, err)
	})
	return w, err
}

// Webhook returns a webhook that the scope sees. Callers who want the same one at the same time
// share one read.
func (s *WebhookStore) Webhook(ctx context.Context, scope faas.Scope, id string) (faas.Webhook, error) {
	w, err := s.webhooks.get(ctx, id)
	if err != nil {
		return faas.Webhook{}, missing("webhook", id, err)
	}
	if !scope.Sees(w.ProjectID) {
		return faas.Webhook{}, unseen("webhook", id, w.ProjectID)
	}
	return w, nil
}

// readWebhook reads a webhook, whosever it is.
func (s *WebhookStore) readWebhook(ctx context.Context, id string) (faas.Webhook, error) {
	return webhooks.scan(s.get.one(ctx, s.get.webhook, id))
}

// Webhooks lists what the scope sees.
func (s *WebhookStore) Webhooks(ctx context.Context, scope faas.Scope, q faas.Query) (Page[faas.Webhook], error) {
	return list(ctx, s.core, &webhooks, scope, q)
}

// UpdateWebhook changes a webhook and returns it as it is now. What it calls then must be there, as
// for CreateWebhook.
func (s *WebhookStore) UpdateWebhook(ctx context.Context, scope faas.Scope, id string,
	change WebhookChange) (faas.Webhook, error) {
	return s.changeWebhook(ctx, scope, id, func(t *tx, w *faas.Webhook) error {
		before := w.Calls
		change.apply(w)
		if w.Calls == before {
			return nil
		}
		return t.references.mayCall(w.ProjectID, w.Calls)
	})
}

// Called returns what is called after the change.
func (c WebhookChange) Called(calls faas.FunctionRef) faas.FunctionRef {
	if c.Alias != nil && *c.Alias != "" && *c.Alias != calls.Alias {
		return faas.FunctionRef{Alias: *c.Alias}
	}
	if c.FunctionID != nil && *c.FunctionID != calls.FunctionID || c.Version != nil && *c.Version != calls.Version {
		set(&calls.FunctionID, c.FunctionID)
		set(&calls.Version, c.Version)
		calls.Alias = ""
	}
	return calls
}

func (c WebhookChange) apply(w *faas.Webhook) {
	w.Calls = c.Called(w.Calls)
	set(&w.Description, c.Description)
	set(&w.Signature, c.Signature)
	if c.SigningSecret != nil {
		w.SigningSecret, w.PreviousKey = *c.SigningSecret, ""
	}
	set(&w.ExpiresAt, c.ExpiresAt)
	set(&w.RateLimit, c.RateLimit)
	set(&w.Body, c.Body)
	set(&w.Sync, c.Sync)
}

// RotateWebhook gives a webhook its next URL, and with a sealed signing secret that one too. What
// it had is good until the time, or not any more when that is zero; what it had before that is not.
func (s *WebhookStore) RotateWebhook(ctx context.Context, scope faas.Scope, id, signingSecret string,
	until time.Time) (faas.Webhook, error) {
	return s.changeWebhook(ctx, scope, id, func(_ *tx, w *faas.Webhook) error {
		w.Generation++
		w.PreviousUntil, w.PreviousKey = moment(micros(until)), ""
		if !until.IsZero() {
			w.PreviousKey = w.SigningSecret
		}
		if signingSecret != "" {
			w.SigningSecret = signingSecret
		}
		return nil
	})
}

// changeWebhook changes a webhook, of which the transaction has the row locked, and returns it as
// it is then.
func (s *WebhookStore) changeWebhook(ctx context.Context, scope faas.Scope, id string,
	change func(*tx, *faas.Webhook) error) (faas.Webhook, error) {
	var w faas.Webhook
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if w, err = t.webhooks.get(scope, id); err != nil {
			return err
		}
		if err := change(t, &w); err != nil {
			return err
		}
		w.ExpiresAt, w.UpdatedAt = moment(micros(w.ExpiresAt)), s.timestamp()
		query, args := webhooks.update(id, &w)
		_, err = t.exec(query, args...)
		return err
	})
	if err != nil {
		return faas.Webhook{}, err
	}
	return w, nil
}

// DeleteWebhook forgets a webhook and returns what it was. The executions that it caused stay.
func (s *WebhookStore) DeleteWebhook(ctx context.Context, scope faas.Scope, id string) (faas.Webhook, error) {
	var w faas.Webhook
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if w, err = t.webhooks.get(scope, id); err != nil {
			return err
		}
		if n, err := t.exec(`DELETE FROM webhooks WHERE id = ?`, id); err != nil || n == 0 {
			return err
		}
		return t.quota.use(w.ProjectID, faas.ResourceWebhooks, -1, nil)
	})
	if err != nil {
		return faas.Webhook{}, err
	}
	return w, nil
}

// webhookRows are webhooks within a transaction.
type webhookRows struct{ *statements }

// get returns a webhook that the scope may change, and keeps others from changing it until the
// commit.
func (t webhookRows) get(scope faas.Scope, id string) (faas.Webhook, error) {
	w, err := webhooks.scan(t.queryRow(webhooks.selectByID()+t.grammar.forUpdate, id))
	if err == nil && !scope.Sees(w.ProjectID) {
		return w, unseen("webhook", id, w.ProjectID)
	}
	return w, missing("webhook", id, err)
}

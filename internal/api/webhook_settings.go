package api

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/webhook"
)

// webhookSettings is what a request sets of a webhook besides what v1 had; nil is not set.
type webhookSettings struct {
	scheme    *faas.SignatureScheme
	secret    *faas.Secret // that senders sign with
	renew     bool         // a secret that is not set is to be made anew where there was one
	expires   *time.Time
	rateLimit *int64
	body      *faas.WebhookBody
	sync      *bool
}

// settings reads the fields. At microversions without them none is set.
func (h *webhookHandlers) settings(o *fields.Object) webhookSettings {
	s := webhookSettings{
		scheme:    oneOf(o, "signature", none, faas.SignatureNone, faas.SignatureGitHub, faas.SignatureStandard),
		secret:    secretField(o, "signing_secret"),
		expires:   h.expiryField(o),
		rateLimit: o.Number("rate_limit", " calls a minute, 0 for the installation's", 0, h.limiter.Most()),
		body:      oneOf(o, "body", jsonBody, faas.WebhookJSON, faas.WebhookRaw),
	}
	if _, ok := o.Get("sync"); ok {
		sync := o.Flag("sync", false)
		s.sync = &sync
	}
	return s
}

// What clients call the values that are empty texts here.
const (
	none     = "none"
	jsonBody = "json"
)

// oneOf returns a field that has one of the values, of which empty is called by its name; nil when
// the field is not set.
func oneOf[T ~string](o *fields.Object, name, empty string, values ...T) *T {
	text := o.Text(name, fields.MaxLine)
	if text == nil {
		return nil
	}
	value := T(*text)
	if *text == empty {
		value = ""
	} else if *text == "" || !slices.Contains(values, value) {
		names := []string{empty}
		for _, v := range values {
			if v != "" {
				names = append(names, string(v))
			}
		}
		o.Refuse("%s must be one of %s; it is %q.", name, strings.Join(names, ", "), request.Short(*text))
	}
	return &value
}

// secretField returns a secret, nil when it is not set. A refusal does not repeat it.
func secretField(o *fields.Object, name string) *faas.Secret {
	raw, ok := o.Get(name)
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		o.Refuse("%s must be a string.", name)
		return nil
	}
	secret := faas.Secret(text)
	return &secret
}

// expiryForms are how clients may write a time: as RFC 3339 has it, or as the API shows it, in UTC.
var expiryForms = []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05"}

// expiryField returns when a webhook is to expire: zero for never, which is written as an empty
// text; nil when the field is not set.
func (h *webhookHandlers) expiryField(o *fields.Object) *time.Time {
	text := o.Text("expires_at", fields.MaxLine)
	if text == nil {
		return nil
	}
	if *text == "" {
		return &time.Time{}
	}
	for _, form := range expiryForms {
		at, err := time.Parse(form, *text)
		if err != nil {
			continue
		}
		if !at.After(h.now()) || at.Year() > 9999 {
			o.Refuse("expires_at must be in the future; it is %s.", request.Short(*text))
		}
		return &at
	}
	o.Refuse(`expires_at must be a time like 2030-01-31T12:00:00Z, or "" for never; it is %q.`, request.Short(*text))
	return nil
}

// signingSecret is what a webhook's senders are to sign with from now on.
type signingSecret struct {
	text   faas.Secret // to be shown this once; "" where the caller knows it, or it did not change
	sealed *string     // for the database; nil where it did not change
}

// signingSecret returns what becomes of the signing secret of a webhook, given how it was until now.
// One that is demanded and not brought is made.
func (h *webhookHandlers) signingSecret(before faas.Webhook, asked webhookSettings) (signingSecret, error) {
	scheme := fields.ValueOr(asked.scheme, before.Signature)
	var secret faas.Secret
	switch {
	case scheme == faas.SignatureNone && asked.secret != nil:
		return signingSecret{}, faas.Errorf(
			faas.Invalid, "signing_secret is of use only with a signature; set signature to github or standard.")
	case scheme == faas.SignatureNone:
		var nothing string
		return signingSecret{sealed: &nothing}, nil
	case asked.secret != nil:
		if wrong := webhook.CheckSigningSecret(scheme, *asked.secret); wrong != "" {
			return signingSecret{}, faas.Errorf(faas.Invalid, "signing_secret %s.", wrong)
		}
		secret = *asked.secret
	case scheme != before.Signature || before.SigningSecret == "" || asked.renew:
		secret = webhook.NewSigningSecret()
	default:
		return signingSecret{}, nil
	}
	sealed := h.keys.Seal(before.ID, secret)
	return signingSecret{secret, &sealed}, nil
}

// calledChange returns what a request changes of what a webhook calls.
func calledChange(r *http.Request, id faas.Identity, o *fields.Object, find request.ByName) store.WebhookChange {
	var change store.WebhookChange
	if alias := o.Line("function_alias"); alias != "" {
		change.Alias = &alias
		return change
	}
	if functionID := o.IDOrName(r, id, "function_id", find); functionID != "" {
		change.FunctionID = &functionID
	}
	if n := o.Number("function_version", "", 0, math.MaxInt32); n != nil {
		version := int(*n)
		change.Version = &version
	}
	return change
}

package faas

import "time"

// SignatureScheme says how the senders of a webhook sign what they send.
type SignatureScheme string

// The schemes, all with HMAC-SHA256.
const (
	SignatureNone     SignatureScheme = ""         // unsigned: the URL is all there is to know
	SignatureGitHub   SignatureScheme = "github"   // X-Hub-Signature-256 over the body
	SignatureStandard SignatureScheme = "standard" // Standard Webhooks: over id, timestamp and body
)

// WebhookBody says what becomes of the body that a webhook is called with.
type WebhookBody string

// What becomes of bodies.
const (
	WebhookJSON WebhookBody = ""    // the members of its JSON object, or the fields of its form, are the input
	WebhookRaw  WebhookBody = "raw" // it is handed on as it came, with the headers and the query string
)

// Webhook has a function called by whoever has its URL. The secret of the URL is not here: it
// follows from ID and Generation.
type Webhook struct {
	ID            string
	ProjectID     string
	Calls         FunctionRef // in the webhook's project, resolved at each call
	Description   string
	Generation    int64           // of the URL; grows when it is replaced
	PreviousUntil time.Time       // until when the URL and the signing secret before are good; zero: they are not
	Signature     SignatureScheme // that is demanded
	SigningSecret string          // sealed; "" without a scheme
	PreviousKey   string          // sealed: the signing secret before the last replacement; "" for none
	ExpiresAt     time.Time       // zero: never
	RateLimit     int64           // calls a minute; 0: only the installation's limit holds
	Body          WebhookBody
	Sync          bool // callers may ask for the function's result
	CreatedAt     time.Time
	UpdatedAt     time.Time // zero until the first change
}

// Current reports whether the URL of a generation is good now.
func (w Webhook) Current(generation int64, now time.Time) bool {
	return generation == w.Generation || generation == w.Generation-1 && now.Before(w.PreviousUntil)
}

// Expired reports whether the webhook has expired.
func (w Webhook) Expired(now time.Time) bool {
	return !w.ExpiresAt.IsZero() && !now.Before(w.ExpiresAt)
}

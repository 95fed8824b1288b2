// Package fromweb makes events of requests: of a CloudEvent in HTTP's binding that event, of any
// other request an event that holds it.
package fromweb

import (
	"encoding/json"
	"slices"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
)

// Settings are those of triggers of the source webhook.
type Settings struct {
	// Signature is how senders sign: none, github or standard, as a webhook's.
	Signature string `json:"signature"`
	// SigningSecret is what they sign with. It is sealed in the database, and shown once.
	SigningSecret string `json:"signing_secret,omitempty"`
	// Sealed says that the secret is as the database has it.
	Sealed bool `json:"sealed,omitempty"`
	// Type is the type of the event that a request becomes which is none itself.
	Type string `json:"type"`
}

// DefaultType is the type of events that are made of requests.
const DefaultType = "org.openstack.faas.webhook"

// Unsigned is the signature of requests that need none.
const Unsigned = "none"

var signatures = []string{Unsigned, string(faas.SignatureGitHub), string(faas.SignatureStandard)}

// maxType is how many bytes the type of an event may have.
const maxType = 255

// ParseSettings reads and completes the settings. An error is a *faas.Error of kind Invalid.
func ParseSettings(raw json.RawMessage) (Settings, error) {
	s := Settings{Signature: Unsigned, Type: DefaultType}
	if err := trigger.ReadSettings(raw, &s, "signature", "signing_secret", "type"); err != nil {
		return s, err
	}
	switch {
	case !slices.Contains(signatures, s.Signature):
		return s, faas.Errorf(
			faas.Invalid,
			"settings.signature must be one of none, github, standard; it is %q.",
			s.Signature,
		)
	case s.Signature == Unsigned && s.SigningSecret != "":
		return s, faas.Errorf(faas.Invalid, "settings.signing_secret is of use only with a signature: github or standard.")
	case s.Type == "" || len(s.Type) > maxType:
		return s, faas.Errorf(faas.Invalid, "settings.type must have 1 to %d bytes; it has %d.", maxType, len(s.Type))
	}
	return s, nil
}

// Stored returns settings as the database has them.
func Stored(text string) (Settings, error) {
	var s Settings
	err := json.Unmarshal([]byte(text), &s)
	return s, err
}

// Scheme returns the signature as webhooks know it.
func (s Settings) Scheme() faas.SignatureScheme {
	if s.Signature == Unsigned {
		return faas.SignatureNone
	}
	return faas.SignatureScheme(s.Signature)
}

package fromzaqar

import (
	"cmp"
	"encoding/json"
	"regexp"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
)

// Bounds of what a tenant sends, and of what Zaqar takes by default.
const (
	minClaimTTL = 60 // seconds
	maxClaimTTL = 12 * 60 * 60
	maxBatch    = 20 // messages; a claim has no more
)

// Settings say which queue's messages a trigger has, and how they come.
type Settings struct {
	Queue    string `json:"queue"`
	Mode     Mode   `json:"mode"`
	Action   string `json:"action,omitempty"`    // of Push: http or trust+http
	ClaimTTL int    `json:"claim_ttl,omitempty"` // of Pull: seconds
	Batch    int    `json:"batch,omitempty"`     // of Pull: messages in an event at most
}

// Mode is how messages come.
type Mode string

// The modes.
const (
	Push Mode = "push" // Zaqar sends them to the trigger's URL
	Pull Mode = "pull" // the keeper claims them
)

// Values of Settings.Action.
const (
	plainAction = "http"
	trustAction = "trust+http"
)

// queueName is what Zaqar takes for one.
var queueName = regexp.MustCompile(`^[a-zA-Z0-9_.\-]{1,64}$`)

// ParseSettings reads a trigger's settings, complete or as a user sent them, and fills in what is
// not said. Its errors are of kind faas.Invalid.
func ParseSettings(raw json.RawMessage) (Settings, error) {
	var s Settings
	err := trigger.ReadSettings(raw, &s, "queue", "mode", "action", "claim_ttl", "batch")
	if err != nil {
		return s, err
	}
	if !queueName.MatchString(s.Queue) {
		return s, faas.Errorf(faas.Invalid,
			"settings.queue is %q; a queue's name has 1 to 64 letters of a-z, A-Z, 0-9, _, - and .", trigger.Clip(s.Queue))
	}
	s.Mode = cmp.Or(s.Mode, Push)
	if err := trigger.OneOf("settings.mode", s.Mode, Push, Pull); err != nil {
		return s, err
	}
	if s.Mode == Push {
		return s, s.completePush()
	}
	return s, s.completePull()
}

func (s *Settings) completePush() error {
	if s.ClaimTTL != 0 || s.Batch > 1 {
		return faas.Errorf(faas.Invalid, "settings has claim_ttl or batch, which are of the mode %q only: Zaqar pushes one "+
			"message at a time.", Pull)
	}
	s.Batch = 0
	s.Action = cmp.Or(s.Action, plainAction)
	return trigger.OneOf("settings.action", s.Action, plainAction, trustAction)
}

func (s *Settings) completePull() error {
	if s.Action != "" {
		return faas.Errorf(faas.Invalid, "settings has action, which is of the mode %q only.", Push)
	}
	s.ClaimTTL, s.Batch = cmp.Or(s.ClaimTTL, minClaimTTL), cmp.Or(s.Batch, 1)
	if s.ClaimTTL < minClaimTTL || s.ClaimTTL > maxClaimTTL {
		return faas.Errorf(faas.Invalid, "settings.claim_ttl is %d; it must be %d to %d seconds.",
			s.ClaimTTL, minClaimTTL, maxClaimTTL)
	}
	if s.Batch < 1 || s.Batch > maxBatch {
		return faas.Errorf(faas.Invalid, "settings.batch is %d; it must be 1 to %d messages.", s.Batch, maxBatch)
	}
	return nil
}

// NeedsToken reports whether Zaqar sends messages with a token of whoever the subscription is of,
// which is then to be verified.
func NeedsToken(s Settings) bool { return s.Action == trustAction }

// PassesOn reports whether the trigger's trust has to be one that Zaqar can pass on:
// session.Keystone.MakeTrustToPassOn, of a trust that ends.
func PassesOn(s Settings) bool { return NeedsToken(s) }

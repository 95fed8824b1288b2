package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// The headers of the schemes. GitHub's is described in its page "Validating webhook deliveries",
// the others in version 1.0.0 of the specification at standardwebhooks.com.
const (
	githubHeader    = "X-Hub-Signature-256"
	idHeader        = "Webhook-Id"
	timestampHeader = "Webhook-Timestamp"
	signatureHeader = "Webhook-Signature"
)

const (
	// Tolerance is how far the timestamp of a signed request may be from the clock, in the past and in
	// the future. An older request is taken for one that somebody has recorded and sends again.
	Tolerance = 5 * time.Minute
	// maxSignatures is how many signatures one header may list: a sender that replaces its key sends
	// two.
	maxSignatures = 8
	maxMessageID  = 256 // bytes
	secretPrefix  = "whsec_"
)

// NewSigningSecret returns a secret for a webhook whose owner brings none, in the form that
// Standard Webhooks gives it. GitHub takes any text, so this one too.
func NewSigningSecret() faas.Secret {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it ends the process instead
	return faas.Secret(secretPrefix + base64.StdEncoding.EncodeToString(key))
}

// Bounds of the secrets that owners bring, in bytes.
const (
	minText, maxText = 16, 255 // GitHub's: the text is the key
	minKey, maxKey   = 24, 64  // Standard Webhooks': of the key, as its specification has it
)

// CheckSigningSecret says what is wrong with a secret that an owner brings for a scheme; "" when
// nothing is.
func CheckSigningSecret(scheme faas.SignatureScheme, secret faas.Secret) string {
	text := secret.Reveal()
	if scheme == faas.SignatureStandard {
		if key, err := standardKey(secret); err != nil || len(key) < minKey || len(key) > maxKey {
			return "must be whsec_ and the base64 of 24 to 64 bytes"
		}
		return ""
	}
	printable := !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' })
	if len(text) < minText || len(text) > maxText || !printable {
		return "must be 16 to 255 printable ASCII characters"
	}
	return ""
}

// standardKey returns the key that a secret of Standard Webhooks stands for.
func standardKey(secret faas.Secret) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), secretPrefix))
}

// Reasons for which Verify refuses. They are for the log: a caller that is told which it was learns
// how far a forgery got.
var (
	errNoSignature = errors.New("the request has no signature, or several")
	errMalformed   = errors.New("the headers of the signature are malformed")
	errStale       = errors.New("the timestamp is out of the tolerance")
	errForged      = errors.New("the signature is not of the webhook's secret")
)

// Verify reports whether the request's body is signed by one of the secrets in the scheme. The
// error says for the log what was wrong.
func Verify(scheme faas.SignatureScheme, secrets []faas.Secret, h http.Header, body []byte, now time.Time) error {
	switch scheme {
	case faas.SignatureNone:
		return nil
	case faas.SignatureGitHub:
		return verifyGitHub(secrets, h, body)
	case faas.SignatureStandard:
		return verifyStandard(secrets, h, body, now)
	}
	return errMalformed // a scheme of a newer program: what cannot be checked is refused
}

func verifyGitHub(secrets []faas.Secret, h http.Header, body []byte) error {
	text, err := only(h, githubHeader)
	if err != nil {
		return err
	}
	digits, found := strings.CutPrefix(text, "sha256=")
	got, err := hex.DecodeString(digits)
	if !found || err != nil {
		return errMalformed
	}
	for _, secret := range secrets {
		if hmac.Equal(got, sum([]byte(secret.Reveal()), "", body)) {
			return nil
		}
	}
	return errForged
}

func verifyStandard(secrets []faas.Secret, h http.Header, body []byte, now time.Time) error {
	id, errID := only(h, idHeader)
	stamp, errStamp := only(h, timestampHeader)
	list, errList := only(h, signatureHeader)
	if err := errors.Join(errID, errStamp, errList); err != nil {
		return errNoSignature
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	// What is signed is id.timestamp.body. An id with a dot could take in the timestamp, and leave
	// the beginning of the body to be the timestamp.
	if err != nil || len(id) > maxMessageID || strings.Contains(id, ".") || stamp != strconv.FormatInt(seconds, 10) {
		return errMalformed
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > Tolerance || age < -Tolerance {
		return errStale
	}
	signatures := strings.Fields(list)
	if len(signatures) > maxSignatures {
		return errMalformed
	}
	for _, secret := range secrets {
		key, err := standardKey(secret)
		if err != nil {
			return errMalformed
		}
		if signedBy(signatures, sum(key, id+"."+stamp+".", body)) {
			return nil
		}
	}
	return errForged
}

// signedBy reports whether one of the signatures is the wanted one. Those of other versions, such
// as v1a, are passed over.
func signedBy(signatures []string, want []byte) bool {
	for _, one := range signatures {
		text, found := strings.CutPrefix(one, "v1,")
		if !found {
			continue
		}
		if got, err := base64.StdEncoding.DecodeString(text); err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}

// only returns the value of a header that is there once.
func only(h http.Header, name string) (string, error) {
	if values := h[name]; len(values) == 1 && values[0] != "" {
		return values[0], nil
	}
	return "", errNoSignature
}

func sum(key []byte, before string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(before))
	m.Write(body)
	return m.Sum(nil)
}

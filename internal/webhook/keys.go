package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/seal"
)

// MinSecret is the least length, in bytes, of the service's secret that the keys come from.
const MinSecret = 32

// Keys make and check the secrets of webhooks' URLs, and seal the secrets that senders sign with.
// All APIs of an installation have the same. It is safe for concurrent use.
type Keys struct {
	url    []byte       // of the secrets in URLs
	sealer *seal.Sealer // of what the database keeps sealed
}

// NewKeys derives the keys from the service's secret.
func NewKeys(secret faas.Secret) (*Keys, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("the secret of webhooks has %d bytes, at least %d are needed: openssl rand -hex 32 makes one",
			len(secret), MinSecret)
	}
	sealer, err := seal.New(derive(secret, "faas webhook seal 1"))
	if err != nil {
		return nil, err
	}
	return &Keys{derive(secret, "faas webhook url 1"), sealer}, nil
}

// derive returns a key for one purpose: whoever learns one of them knows none of the others.
func derive(secret faas.Secret, purpose string) []byte {
	m := hmac.New(sha256.New, []byte(secret.Reveal()))
	m.Write([]byte(purpose))
	return m.Sum(nil)
}

// macSize is how many bytes of the code a URL has: 192 bits cannot be guessed, and 24 bytes are 32
// letters without padding.
const macSize = 24

// URLSecret returns the secret that the URL of a webhook has in its so-many-th generation. A
// webhook gets a new generation when its URL is replaced. The secret is a code of both, which
// nobody has to store and which is checked without a look at the database.
func (k *Keys) URLSecret(id string, generation int64) faas.Secret {
	n := strconv.FormatInt(generation, 10)
	m := hmac.New(sha256.New, k.url)
	m.Write([]byte(id + "\x00" + n))
	return faas.Secret(n + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:macSize]))
}

// maxURLSecret is how long a secret of a URL may be: longer ones are not looked at.
const maxURLSecret = 64

// Check reports whether the secret was made by URLSecret for the webhook, and for which generation.
// Whether that is the current one, and whether there still is such a webhook, is the database's to
// say.
func (k *Keys) Check(id string, secret faas.Secret) (generation int64, ok bool) {
	if len(secret) > maxURLSecret {
		return 0, false
	}
	n, _, _ := strings.Cut(secret.Reveal(), ".")
	generation, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		return 0, false
	}
	// The whole text is compared, so that there is one way only to write a secret.
	return generation, hmac.Equal([]byte(secret.Reveal()), []byte(k.URLSecret(id, generation).Reveal()))
}

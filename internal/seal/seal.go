// Package seal encrypts the secrets of users that the database has to keep: passwords and keys that
// the service must be able to use, so that a hash of them would not do. A copy of the database
// alone does not tell them.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/openstack-faas/faas/internal/faas"
)

// keySize is that of AES-256.
const keySize = 32

// Sealer seals and opens, by one key. It is safe for concurrent use.
type Sealer struct{ box cipher.AEAD }

// MinSecret is the least length, in bytes, of a secret that a key is derived from.
const MinSecret = 32

// New returns a sealer by the key, which has 32 bytes.
func New(key []byte) (*Sealer, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("a key to seal by has %d bytes, not %d", keySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Sealer{box}, nil
}

// Derive returns a sealer for one purpose by a secret of the service's: whoever learns its key
// knows neither the secret nor the keys of other purposes.
func Derive(secret faas.Secret, purpose string) (*Sealer, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("the secret has %d bytes, at least %d are needed: openssl rand -hex 32 makes one",
			len(secret), MinSecret)
	}
	key, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, purpose, keySize)
	if err != nil {
		return nil, err
	}
	return New(key)
}

// Seal encrypts a secret, as text for the database. It opens for the same owner only, so that a
// sealed text that is copied into another row opens nothing.
func (s *Sealer) Seal(owner string, secret faas.Secret) string {
	nonce := make([]byte, s.box.NonceSize())
	_, _ = rand.Read(nonce) // never fails: the program ends first
	return base64.RawStdEncoding.EncodeToString(s.box.Seal(nonce, nonce, []byte(secret.Reveal()), []byte(owner)))
}

// ErrSealed says that a text was sealed by another key or for another owner.
var ErrSealed = errors.New("a sealed secret cannot be opened: it was sealed by another secret of the service's")

// Open returns what Seal has sealed for the owner, or ErrSealed.
func (s *Sealer) Open(owner, sealed string) (faas.Secret, error) {
	text, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil || len(text) < s.box.NonceSize() {
		return "", ErrSealed
	}
	nonce, body := text[:s.box.NonceSize()], text[s.box.NonceSize():]
	secret, err := s.box.Open(nil, nonce, body, []byte(owner))
	if err != nil {
		return "", ErrSealed
	}
	return faas.Secret(secret), nil
}

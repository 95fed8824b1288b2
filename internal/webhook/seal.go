package webhook

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"

	"github.com/openstack-faas/faas/internal/faas"
)

// Seal encrypts the secret that a webhook's senders sign with, for the database. A signature cannot
// be checked by a hash of its key, so the key itself must be kept; sealed, a copy of the database
// alone does not tell it. It opens for the webhook of this id only: a row that is copied into
// another webhook opens nothing.
func (k *Keys) Seal(id string, secret faas.Secret) (string, error) {
	box, err := k.box()
	if err != nil {
		return "", err
	}
	nonce := make([]byte, box.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", err
	}
	sealed := box.Seal(nonce, nonce, []byte(secret.Reveal()), []byte(id))
	return base64.RawStdEncoding.EncodeToString(sealed), nil
}

// errSealed says that a secret was sealed by other keys, or for another webhook.
var errSealed = errors.New("a sealed secret cannot be opened: it was sealed by another webhook_secret")

// Open returns what Seal has sealed.
func (k *Keys) Open(id, sealed string) (faas.Secret, error) {
	box, err := k.box()
	if err != nil {
		return "", err
	}
	text, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil || len(text) < box.NonceSize() {
		return "", errSealed
	}
	secret, err := box.Open(nil, text[:box.NonceSize()], text[box.NonceSize():], []byte(id))
	if err != nil {
		return "", errSealed
	}
	return faas.Secret(secret), nil
}

func (k *Keys) box() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.seal)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

package local

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	secretFile = "secret"
	secretSize = 32 // bytes, of one that is made here
)

// Token returns the secret that the worker's agent demands: an HMAC of its id, so that nothing has
// to be stored for a worker and one worker's token reveals nothing about another's.
func (h *host) Token(workerID string) string {
	mac := hmac.New(sha256.New, h.secret)
	mac.Write([]byte(workerID))
	return hex.EncodeToString(mac.Sum(nil))
}

// loadSecret returns the secret that is stored in dir; the first time, it makes it.
func loadSecret(dir string) ([]byte, error) {
	path := filepath.Join(dir, secretFile)
	secret, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return makeSecret(path)
	case err != nil:
		return nil, fmt.Errorf("read the secret of the workers' tokens: %w", err)
	case len(secret) < secretSize:
		return nil, fmt.Errorf("%s holds %d bytes, fewer than %d: remove it to have a new one made",
			path, len(secret), secretSize)
	}
	return secret, nil
}

// makeSecret writes the file under another name and renames it, so that a crash leaves no
// incomplete secret behind.
func makeSecret(path string) ([]byte, error) {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	staged := path + ".new"
	if err := os.WriteFile(staged, secret, 0o600); err != nil {
		return nil, fmt.Errorf("keep the secret of the workers' tokens: %w", err)
	}
	if err := os.Rename(staged, path); err != nil {
		return nil, fmt.Errorf("keep the secret of the workers' tokens: %w", err)
	}
	return secret, nil
}

package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/webhook"
)

// webhookKeys returns the keys of webhooks. All APIs of an installation need the same secret, so it
// is one of the configuration's. faas-standalone, which needs no secret of workers, keeps one of
// its own beside its database.
func webhookKeys(conf config.Service) (*webhook.Keys, error) {
	secret := faas.Secret(conf.API.WebhookSecret)
	if secret == "" {
		secret = faas.Secret(conf.Worker.TokenSecret)
	}
	if secret == "" {
		var err error
		if secret, err = keptSecret(filepath.Join(conf.Default.StatePath, "webhook-secret")); err != nil {
			return nil, fmt.Errorf("[api] webhook_secret: %w", err)
		}
	}
	return webhook.NewKeys(secret)
}

// keptSecret returns the secret in a file, which it makes when there is none. A file appears with
// its whole content or not at all.
func keptSecret(path string) (faas.Secret, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return faas.Secret(strings.TrimSpace(string(text))), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	secret := webhook.NewSigningSecret()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	made, err := os.CreateTemp(filepath.Dir(path), ".webhook-secret-*") // readable to nobody else
	if err != nil {
		return "", err
	}
	defer os.Remove(made.Name()) // fails where it was renamed
	_, err = made.WriteString(secret.Reveal() + "\n")
	if err = errors.Join(err, made.Sync(), made.Close()); err != nil {
		return "", err
	}
	return secret, os.Rename(made.Name(), path)
}

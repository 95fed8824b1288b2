package service

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/seal"
	"github.com/openstack-faas/faas/internal/webhook"
)

// FunctionVariables returns what seals and opens the secrets in functions' environment. Every API
// and engine of an installation needs the same secret, so it is one of the configuration's.
// faas-standalone, which needs no secret of workers, keeps one of its own beside its database.
func FunctionVariables(conf config.Service) (*seal.Variables, error) {
	secret, err := secretOr(conf, "registry-secret", conf.Worker.RegistrySecret, conf.Worker.TokenSecret)
	if err != nil {
		return nil, fmt.Errorf("[worker] registry_secret: %w", err)
	}
	variables, err := seal.NewVariables(secret)
	if err != nil {
		return nil, fmt.Errorf("[worker] registry_secret: %w", err)
	}
	return variables, nil
}

// secretOr returns the first of the configured secrets that is set; without one, that of a file in
// the state path.
func secretOr(conf config.Service, file string, configured ...string) (faas.Secret, error) {
	if secret := cmp.Or(configured...); secret != "" {
		return faas.Secret(secret), nil
	}
	return keptSecret(filepath.Join(conf.Default.StatePath, file))
}

// keptSecret returns the secret in a file, which it makes when there is none. A file appears with
// its whole content or not at all, and what another process has made meanwhile stays.
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
	made, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // readable to nobody else
	if err != nil {
		return "", err
	}
	defer os.Remove(made.Name())
	_, err = made.WriteString(secret.Reveal() + "\n")
	if err = errors.Join(err, made.Sync(), made.Close()); err != nil {
		return "", err
	}
	if err = os.Link(made.Name(), path); errors.Is(err, fs.ErrExist) {
		return keptSecret(path)
	}
	return secret, err
}

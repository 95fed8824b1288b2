package service

import (
	"cmp"
	"fmt"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/seal"
)

// RegistryPasswords returns what seals and opens the passwords by which functions' images are
// pulled; nil in faas-standalone, which runs no images and needs no secret.
func RegistryPasswords(conf config.Worker) (*seal.Passwords, error) {
	secret := faas.Secret(cmp.Or(conf.RegistrySecret, conf.TokenSecret))
	if secret == "" {
		return nil, nil
	}
	passwords, err := seal.NewPasswords(secret)
	if err != nil {
		return nil, fmt.Errorf("[worker] registry_secret: %w", err)
	}
	return passwords, nil
}

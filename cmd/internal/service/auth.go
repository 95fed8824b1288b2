package service

import (
	"fmt"
	"log/slog"

	"github.com/openstack-faas/faas/internal/api"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// openKeystone makes the client of Keystone, nil with noauth. It contacts nobody: a service starts
// while Keystone is away.
func openKeystone(strategy string, conf config.Authtoken, log *slog.Logger) (*keystone.Client, error) {
	if strategy != "keystone" {
		return nil, nil //nolint:nilnil // there is none
	}
	c, err := keystone.New(keystone.Config{
		AuthURL: conf.AuthURL, Username: conf.Username, Password: conf.Password, UserDomain: conf.UserDomain,
		Project: conf.Project, ProjectDomain: conf.ProjectDomain, Region: conf.Region, Interface: conf.Interface,
		CAFile: conf.CAFile, Insecure: conf.Insecure, Timeout: conf.Timeout,
		CacheTime: conf.CacheTime, OutageTime: conf.OutageTime, CacheSize: conf.CacheSize, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("[keystone_authtoken]: %w", err)
	}
	return c, nil
}

// authenticator returns what identifies callers, and the Keystone that those without a token are
// sent to: "" for none.
func (p Parts) authenticator(conf *config.APIService) (who api.Authenticator, uri string) {
	if p.Keystone == nil {
		return api.NewNoauth(conf.API.NoauthProject), ""
	}
	uri = conf.Auth.WWWAuthenticate
	if uri == "" {
		uri = conf.Auth.AuthURL
	}
	auth := &api.KeystoneAuth{
		Client:       p.Keystone,
		ServiceRoles: conf.Auth.ServiceRoles,
		RolesMust:    conf.Auth.ServiceRolesMust,
	}
	auth.Register(p.Registry)
	return auth, uri
}

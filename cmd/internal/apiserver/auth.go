package apiserver

import (
	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/api"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/session"
)

// authenticator returns what identifies callers, and the Keystone that those without a token are
// sent to: "" for none.
func authenticator(p service.Parts, conf *config.APIService) (who api.Authenticator, uri string) {
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

// trusts returns what makes functions' trusts, nil without Keystone.
func trusts(p service.Parts, conf config.Trust) *api.Trusts {
	if p.Keystone == nil {
		return nil
	}
	return &api.Trusts{
		Maker:    session.Keystone{Client: p.Keystone},
		Sessions: p.Sessions,
		Enabled:  conf.Enabled,
		Excluded: conf.Except,
	}
}

package apiserver

import (
	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/api/auth"
	"github.com/openstack-faas/faas/internal/api/trusts"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/session"
)

// authenticator returns what identifies callers, and the Keystone that those without a token are
// sent to: "" for none.
func authenticator(p service.Parts, conf *config.APIService) (who auth.Authenticator, uri string) {
	if p.Keystone == nil {
		return auth.NewNoauth(conf.API.NoauthProject), ""
	}
	uri = conf.Auth.WWWAuthenticate
	if uri == "" {
		uri = conf.Auth.AuthURL
	}
	by := &auth.Keystone{
		Client:       p.Keystone,
		ServiceRoles: conf.Auth.ServiceRoles,
		RolesMust:    conf.Auth.ServiceRolesMust,
	}
	by.Register(p.Registry)
	return by, uri
}

// trustsOf returns what makes functions' trusts, nil without Keystone.
func trustsOf(p service.Parts, conf config.Trust) *trusts.Config {
	if p.Keystone == nil {
		return nil
	}
	return &trusts.Config{
		Maker:    session.Keystone{Client: p.Keystone},
		Sessions: p.Sessions,
		Enabled:  conf.Enabled,
		Excluded: conf.Except,
	}
}

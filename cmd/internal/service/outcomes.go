package service

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/outbound"
	"github.com/openstack-faas/faas/internal/trigger"
)

// cloudTimeout bounds a request to a service of the cloud that is made for a project.
const cloudTimeout = 20 * time.Second

// cloud returns how the engine acts in projects, by the trusts of functions and triggers; nil
// without Keystone.
func (p Parts) cloud() trigger.Cloud {
	if p.Keystone == nil {
		return nil
	}
	return p.trusts()
}

// trusts act in triggers' and functions' projects, where there is a Keystone.
func (p Parts) trusts() trigger.Trusts {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = p.Keystone.TLSConfig()
	return trigger.Trusts{
		Sessions: p.Sessions, Keystone: p.Keystone,
		HTTP: &http.Client{Transport: p.clients.of("cloud", transport), Timeout: cloudTimeout},
	}
}

// outboundClient returns what sends to URLs that tenants name.
func outboundClient(conf config.Triggers) *outbound.Client {
	return outbound.New(outbound.Config{
		Networks: outbound.Networks{Denied: blocks(conf.Denied), Allowed: blocks(conf.Allowed)},
	})
}

// blocks returns address blocks, which the configuration has checked.
func blocks(texts []string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text).Masked())
	}
	return all
}

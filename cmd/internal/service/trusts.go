package service

import (
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/engine"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/internal/sharedcache"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// openSessions makes what functions act by, nil without Keystone. Their tokens are taken for valid
// for as long as callers' are.
func openSessions(
	client *keystone.Client, shared *sharedcache.Cache, check time.Duration, log *slog.Logger,
) *session.Sessions {
	if client == nil {
		return nil
	}
	conf := session.Config{Source: session.Keystone{Client: client}, Check: check, Log: log}
	if shared != nil { // a nil *Cache in an interface is no nil
		conf.Shared = shared
	}
	return session.New(conf)
}

// trustsOfEngine returns the engine what functions act by, nil without Keystone.
func (p Parts) trustsOfEngine() *engine.Trusts {
	if p.Keystone == nil {
		return nil
	}
	return &engine.Trusts{Sessions: p.Sessions, Keystone: session.Keystone{Client: p.Keystone}}
}

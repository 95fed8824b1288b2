package service

import (
	"fmt"
	"log/slog"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/sharedcache"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// openKeystone makes the client of Keystone, nil with noauth. It contacts nobody: a service starts
// while Keystone is away.
func openKeystone(
	strategy string, conf config.Authtoken, shared *sharedcache.Cache, log *slog.Logger,
) (*keystone.Client, error) {
	if strategy != "keystone" {
		return nil, nil //nolint:nilnil // there is none
	}
	c := keystone.Config{
		AuthURL: conf.AuthURL, Username: conf.Username, Password: conf.Password, UserDomain: conf.UserDomain,
		Project: conf.Project, ProjectDomain: conf.ProjectDomain, Region: conf.Region, Interface: conf.Interface,
		CAFile: conf.CAFile, Insecure: conf.Insecure, Timeout: conf.Timeout,
		CacheTime: conf.CacheTime, OutageTime: conf.OutageTime, CacheSize: conf.CacheSize, Log: log,
	}
	if shared != nil { // a nil *Cache in an interface is no nil
		c.Shared = shared
	}
	client, err := keystone.New(c)
	if err != nil {
		return nil, fmt.Errorf("[keystone_authtoken]: %w", err)
	}
	return client, nil
}

// openShared opens what processes remember together, nil where each remembers by itself. It
// contacts nobody.
func openShared(strategy string, conf config.Authtoken, log *slog.Logger) (*sharedcache.Cache, error) {
	if strategy != "keystone" || len(conf.MemcacheServers) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	c, err := sharedcache.New(sharedcache.Config{
		Servers: conf.MemcacheServers, Secret: faas.Secret(conf.MemcacheSecret), Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("[keystone_authtoken] memcached_servers: %w", err)
	}
	return c, nil
}

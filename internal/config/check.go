package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// What one option means for another is checked when all are read: each binary checks the sections
// that it has.

func (c *Standalone) check() error {
	return errors.Join(
		c.Limits.check(), c.API.check(), c.API.checkTLS(), c.CORS.check(), c.Auth.check(c.Default), c.Worker.checkUsers(),
		c.Triggers.check(),
		c.inOneProcess(),
	)
}

func (c *APIService) check() error {
	return errors.Join(
		c.Limits.check(), c.API.check(), c.API.checkTLS(), c.CORS.check(), c.Auth.check(c.Default),
		c.Default.checkTransport("faas-api"), c.Database.checkServer("faas-api"), c.Worker.checkSecret(), c.Triggers.check(),
	)
}

func (c *EngineService) check() error {
	return errors.Join(
		c.Limits.check(), c.Auth.check(c.Default), c.Default.checkTransport("faas-engine"), c.Database.checkServer("faas-engine"),
		c.Worker.checkSecret(), c.checkClusters(), c.checkMagnum(), c.Triggers.check(),
	)
}

// imagesFrom matches a registry, and perhaps the beginning of a repository's name in it. A dot or a
// port distinguishes a registry from a repository.
var imagesFrom = regexp.MustCompile(`^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9.-]+:[0-9]+)(/[a-z0-9._-]+)*/?$`)

func (a API) check() error {
	var wrong []error
	for _, from := range a.ImagesFrom {
		if !imagesFrom.MatchString(from) {
			wrong = append(wrong, &Error{Section: "api", Option: "image_functions_from", Value: from,
				Reason: "must be a registry or the beginning of a repository's name in one, as in docker.io/myproject"})
		}
	}
	if a.WebhookSecret != "" && len(a.WebhookSecret) < faas.MinWorkerSecret {
		wrong = append(wrong, &Error{Section: "api", Option: "webhook_secret",
			Reason: fmt.Sprintf("has %d bytes, at least %d are needed: openssl rand -hex 32 makes one", len(a.WebhookSecret), faas.MinWorkerSecret)})
	}
	return errors.Join(wrong...)
}

func (l ResourceLimits) check() error {
	var wrong []error
	for _, r := range []struct {
		name               string
		low, initial, high int64
	}{
		{"cpu", l.MinCPU, l.DefaultCPU, l.MaxCPU},
		{"memory", l.MinMemory, l.DefaultMemory, l.MaxMemory},
		{"timeout", l.MinTimeout, l.DefaultTimeout, l.MaxTimeout},
	} {
		if r.low > r.high {
			wrong = append(wrong, &Error{Section: "resource_limits", Option: "min_" + r.name, Value: fmt.Sprint(r.low),
				Reason: fmt.Sprintf("must not be more than max_%s, which is %d", r.name, r.high)})
		} else if r.initial < r.low || r.initial > r.high {
			wrong = append(wrong, &Error{Section: "resource_limits", Option: "default_" + r.name, Value: fmt.Sprint(r.initial),
				Reason: fmt.Sprintf("must be from min_%s to max_%s: %d to %d", r.name, r.name, r.low, r.high)})
		}
	}
	return errors.Join(wrong...)
}

func (w Worker) checkUsers() error {
	if w.LastUID >= w.FirstUID {
		return nil
	}
	return &Error{Section: "worker", Option: "last_uid", Value: fmt.Sprint(w.LastUID),
		Reason: fmt.Sprintf("must not be less than first_uid, which is %d", w.FirstUID)}
}

func (w Worker) checkSecret() error {
	if _, err := faas.NewWorkerKey(w.TokenSecret); err != nil {
		return &Error{Section: "worker", Option: "token_secret", Reason: err.Error()}
	}
	if w.RegistrySecret != "" && len(w.RegistrySecret) < faas.MinWorkerSecret {
		return &Error{Section: "worker", Option: "registry_secret",
			Reason: fmt.Sprintf("has %d bytes, at least %d are needed: openssl rand -hex 32 makes one", len(w.RegistrySecret), faas.MinWorkerSecret)}
	}
	return nil
}

// inOneProcess refuses a broker that would have faas-standalone share its queues with an
// installation's.
func (c *Standalone) inOneProcess() error {
	if strings.HasPrefix(c.Default.TransportURL, "in-process://") {
		return nil
	}
	return &Error{
		Section: "DEFAULT",
		Option:  "transport_url",
		Reason:  "must be in-process:// for faas-standalone; faas-api and faas-engine use RabbitMQ",
	}
}

// check wants what auth_strategy = keystone cannot do without.
func (a Authtoken) check(d Default) error {
	if d.AuthStrategy != "keystone" {
		return nil
	}
	wrong := a.checkMemcached()
	for _, o := range []struct{ name, value string }{
		{"auth_url", a.AuthURL}, {"username", a.Username}, {"password", a.Password}, {"project_name", a.Project},
	} {
		if o.value == "" {
			wrong = append(
				wrong,
				&Error{
					Section: "keystone_authtoken",
					Option:  o.name,
					Reason:  "must be set with [DEFAULT] auth_strategy = keystone",
				},
			)
		}
	}
	return errors.Join(wrong...)
}

func (a Authtoken) checkMemcached() (wrong []error) {
	for _, address := range a.MemcacheServers {
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
			wrong = append(wrong, &Error{Section: "keystone_authtoken", Option: "memcached_servers", Value: address,
				Reason: "must be host:port, as in memcached.example.org:11211"})
		}
	}
	if len(a.MemcacheServers) > 0 && len(a.MemcacheSecret) < faas.MinWorkerSecret {
		wrong = append(wrong, &Error{Section: "keystone_authtoken", Option: "memcache_secret_key",
			Reason: fmt.Sprintf("has %d bytes, and memcached_servers needs at least %d: openssl rand -hex 32 makes one",
				len(a.MemcacheSecret), faas.MinWorkerSecret)})
	}
	return wrong
}

func (d Default) checkTransport(binary string) error {
	if strings.HasPrefix(d.TransportURL, "rabbit://") {
		return nil
	}
	return &Error{
		Section: "DEFAULT",
		Option:  "transport_url",
		Reason:  "must begin with rabbit:// for " + binary + ": API and engine are processes of their own",
	}
}

func (d Database) checkServer(binary string) error {
	if strings.HasPrefix(d.Connection, "mysql") {
		return nil
	}
	return &Error{
		Section: "database",
		Option:  "connection",
		Reason:  "must begin with mysql+pymysql:// for " + binary + ": SQLite serves one process",
	}
}

func (t Triggers) check() error {
	return checkBlocks("triggers", map[string][]string{"allowed_networks": t.Allowed, "denied_networks": t.Denied})
}

// checkBlocks says what in options of address blocks is none.
func checkBlocks(section string, options map[string][]string) error {
	var wrong []error
	for name, blocks := range options {
		for _, block := range blocks {
			if _, err := netip.ParsePrefix(block); err != nil {
				wrong = append(
					wrong,
					&Error{Section: section, Option: name, Value: block, Reason: "must be an address block, as in 10.0.0.0/8"},
				)
			}
		}
	}
	return errors.Join(wrong...)
}

// checkMagnum wants one way to each cluster, and credentials for Magnum's.
func (c *EngineService) checkMagnum() error {
	if len(c.Several) == 0 {
		return c.Kubernetes.checkMagnum("kubernetes", c.Default)
	}
	var wrong []error
	for _, k := range c.Several {
		wrong = append(wrong, k.checkMagnum(clusterSection+k.Name, c.Default))
	}
	return errors.Join(wrong...)
}

func (k Kubernetes) checkMagnum(section string, d Default) error {
	switch {
	case k.Magnum == "" && k.MagnumProject != "":
		return &Error{Section: section, Option: "magnum_project", Value: k.MagnumProject,
			Reason: "is of use only with magnum_cluster"}
	case k.Magnum == "" && k.MagnumMaxNodes > 0:
		return &Error{Section: section, Option: "magnum_max_nodes", Value: fmt.Sprint(k.MagnumMaxNodes),
			Reason: "is of use only with magnum_cluster"}
	case k.Magnum == "":
		return nil
	case k.MagnumMaxNodes > 0 && k.MagnumMaxNodes < k.MagnumMinNodes:
		return &Error{Section: section, Option: "magnum_max_nodes", Value: fmt.Sprint(k.MagnumMaxNodes),
			Reason: fmt.Sprintf("must not be less than magnum_min_nodes, which is %d", k.MagnumMinNodes)}
	case k.Config != "":
		return &Error{Section: section, Option: "magnum_cluster", Value: k.Magnum,
			Reason: "kubeconfig is set as well: one of them says where the cluster is"}
	case d.AuthStrategy != "keystone":
		return &Error{Section: section, Option: "magnum_cluster", Value: k.Magnum,
			Reason: "needs [DEFAULT] auth_strategy = keystone: Magnum is asked with the service's own credentials"}
	}
	return nil
}

package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/outbound"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/internal/sharedcache"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// Parts are what API and engine meet in.
type Parts struct {
	Name     string               // of this start of this process, in leases
	Registry *prometheus.Registry // of the process's metrics
	Store    *store.Store
	Code     codestore.Store
	Broker   broker.Broker

	Notify  *notify.Notifier // nil with [oslo_messaging_notifications] driver = noop
	carrier *notify.Rabbit   // of its events, in an engine

	Shared   *sharedcache.Cache // nil without memcached
	Keystone *keystone.Client   // nil with auth_strategy = noauth
	Sessions *session.Sessions  // what functions act by; nil without Keystone
	Objects  objects            // functions' code in Swift
	URLs     *outbound.Client   // to URLs that tenants name

	Quotas      *quota.Quotas
	Calls       *quota.Calls
	Sums        *quota.Sums // of the shards that this process's engine owns
	clients     clientMetrics
	stopSharing func() // nil before calls are counted together with other processes
	leave       func() // nil before the process has announced itself
	stopTracing func() // nil before it traces
}

// connectTimeout bounds how long a process waits for RabbitMQ at its start before it gives up, for
// whoever started it to see.
const connectTimeout = time.Minute

// Open opens the parts of the program, which is named in its notifications. With an error come the
// parts that were opened before it, to be closed.
func Open(
	ctx context.Context, program string, conf config.Service, live *Live, log *slog.Logger,
) (p Parts, err error) {
	p.Name, p.Registry = conf.Default.Process()+"-"+faas.NewID(), newRegistry()
	p.clients = newClientMetrics(p.Registry)
	if p.stopTracing, err = p.trace(ctx, conf.Tracing, program, log); err != nil {
		return p, err
	}
	if err = p.openAuth(conf, log); err != nil {
		return p, err
	}
	if err = p.openNotifications(conf, program, log); err != nil {
		return p, err
	}
	p.URLs = outboundClient(conf.Triggers)
	if p.Store, err = store.Open(ctx, conf.Database.Connection, store.Options{Log: log, Readers: conf.Database.MaxPoolSize}); err != nil {
		return p, err
	}
	p.Store.Register(p.Registry)
	if err = p.announce(ctx, program, log); err != nil {
		return p, err
	}
	if err = p.openStorage(conf.Storage); err != nil {
		return p, err
	}
	if err = p.openQuotas(conf.Quota, log); err != nil {
		return p, err
	}
	live.Take(func(s config.Settings) { p.Quotas.SetDefaults(defaultsOf(s.Quota)) })
	if p.Broker, err = openBroker(ctx, conf.Base, log); err != nil {
		return p, err
	}
	p.Broker = broker.Metered(p.Broker, p.Registry)
	err = p.shareCalls(ctx, log)
	return p, err
}

// openAuth opens what knows callers and what functions act by. It contacts nobody.
func (p *Parts) openAuth(conf config.Service, log *slog.Logger) (err error) {
	if p.Shared, err = openShared(conf.Default.AuthStrategy, conf.Auth, log); err != nil {
		return err
	}
	p.Shared.Register(p.Registry)
	if p.Keystone, err = openKeystone(conf.Default.AuthStrategy, conf.Auth, p.Shared, log); err != nil {
		return err
	}
	if p.Sessions = openSessions(p.Keystone, p.Shared, conf.Auth.CacheTime, log); p.Sessions != nil {
		p.Sessions.Register(p.Registry)
	}
	return nil
}

// PartOf returns a registerer that marks metrics which both halves of faas-standalone have.
func PartOf(r prometheus.Registerer, part string) prometheus.Registerer {
	return prometheus.WrapRegistererWith(prometheus.Labels{"part": part}, r)
}

// newRegistry returns a registry with the metrics of the process itself.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// inProcess reports whether the broker is this process's own, and so the engine the only one.
func inProcess(conf config.Base) bool {
	return strings.HasPrefix(conf.Default.TransportURL, "in-process://")
}

func openBroker(ctx context.Context, conf config.Base, log *slog.Logger) (broker.Broker, error) {
	if inProcess(conf) {
		return broker.NewInProcess(), nil
	}
	c, err := rabbitConfig(conf)
	if err != nil {
		return nil, err
	}
	c.Log = log
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	b, err := broker.NewRabbit(ctx, c)
	if err != nil {
		return nil, err // not a nil *Rabbit in an interface
	}
	return b, nil
}

// rabbitConfig joins the URL and the section. Options in the URL's query go first, as operators
// know it from oslo.messaging.
func rabbitConfig(conf config.Base) (broker.Config, error) {
	r := conf.Rabbit
	c, err := broker.ParseTransportURL(conf.Default.TransportURL, map[string]string{
		"ssl": strconv.FormatBool(r.SSL), "ssl_ca_file": r.CAFile, "ssl_cert_file": r.CertFile, "ssl_key_file": r.KeyFile,
		"heartbeat_timeout_threshold": seconds(r.Heartbeat),
		"rabbit_retry_interval": seconds(
			r.Retry,
		), "rabbit_retry_backoff": seconds(r.Backoff), "rabbit_interval_max": seconds(r.MaxPause),
	})
	if err != nil {
		return c, fmt.Errorf("[DEFAULT] %w", err)
	}
	c.Prefix = r.Prefix
	return c, nil
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// Close closes what was opened.
func (p Parts) Close() error {
	if p.stopSharing != nil {
		p.stopSharing()
	}
	if p.carrier != nil {
		p.carrier.Close()
	}
	var errs []error
	if p.Sessions != nil {
		p.Sessions.Close()
	}
	p.Shared.Close()
	if p.URLs != nil {
		p.URLs.Close()
	}
	if p.Broker != nil {
		errs = append(errs, p.Broker.Close())
	}
	if p.leave != nil {
		p.leave()
	}
	if p.stopTracing != nil {
		p.stopTracing()
	}
	if p.Store != nil {
		errs = append(errs, p.Store.Close())
	}
	return errors.Join(errs...)
}

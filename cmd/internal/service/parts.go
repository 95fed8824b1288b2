package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// Parts are what API and engine meet in.
type Parts struct {
	Name   string // of this start of this process, in leases
	Store  *store.Store
	Code   *codestore.Files
	Broker broker.Broker
}

// Sections are the parts' configuration.
type Sections struct {
	Default  config.Default
	Database config.Database
	Storage  config.Storage
	Rabbit   config.Rabbit
}

// connectPatience bounds how long a process waits for RabbitMQ at its start before it gives up, for whoever started it to see.
const connectPatience = time.Minute

// Open opens the parts. Those that it opened before an error are given with it, to be closed.
func Open(ctx context.Context, conf Sections, log *slog.Logger) (p Parts, err error) {
	p.Name = conf.Default.Process() + "-" + faas.NewID()
	if p.Store, err = store.Open(ctx, conf.Database.Connection, store.Options{Log: log}); err != nil {
		return p, err
	}
	if p.Code, err = codestore.NewFiles(conf.Storage.Dir); err != nil {
		return p, fmt.Errorf("[storage] file_system_dir: %w", err)
	}
	p.Broker, err = openBroker(ctx, conf, log)
	return p, err
}

func openBroker(ctx context.Context, conf Sections, log *slog.Logger) (broker.Broker, error) {
	if strings.HasPrefix(conf.Default.TransportURL, "in-process://") {
		return broker.NewInProcess(), nil
	}
	c, err := broker.ParseTransportURL(conf.Default.TransportURL, nil)
	if err != nil {
		return nil, fmt.Errorf("[DEFAULT] %w", err)
	}
	r := conf.Rabbit
	c.SSL = c.SSL || r.SSL
	c.CAFile, c.CertFile, c.KeyFile, c.Prefix = r.CAFile, r.CertFile, r.KeyFile, r.Prefix
	c.Heartbeat, c.RetryInterval, c.RetryBackoff, c.RetryMax = r.Heartbeat, r.Retry, r.Backoff, r.MaxPause
	c.Log = log
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	b, err := broker.NewRabbit(ctx, c)
	if err != nil {
		return nil, err // not a nil *Rabbit in an interface
	}
	return b, nil
}

// Close closes what was opened.
func (p Parts) Close() error {
	var errs []error
	if p.Broker != nil {
		errs = append(errs, p.Broker.Close())
	}
	if p.Store != nil {
		errs = append(errs, p.Store.Close())
	}
	return errors.Join(errs...)
}

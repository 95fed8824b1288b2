package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/openstack-faas/faas/internal/busfeed"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/engine"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/trigger/fromaodh"
	"github.com/openstack-faas/faas/internal/trigger/frombus"
	"github.com/openstack-faas/faas/internal/trigger/fromswift"
	"github.com/openstack-faas/faas/internal/trigger/fromzaqar"
	"github.com/openstack-faas/faas/internal/webhook"
)

// serviceType is what Keystone's catalogue calls this service.
const serviceType = "function-engine"

// keepers returns the keepers of triggers whose sources are OpenStack's services, nil without
// Keystone.
func (p Parts) keepers(
	conf config.Service, log *slog.Logger,
) (func(trigger.Taker) map[faas.TriggerSource]trigger.Keeper, error) {
	if p.Keystone == nil {
		return nil, nil
	}
	keys, err := WebhookKeys(conf)
	if err != nil {
		return nil, err
	}
	cloud := p.trusts()
	at := &doors{parts: p, conf: conf, keys: keys}
	return func(taker trigger.Taker) map[faas.TriggerSource]trigger.Keeper {
		return map[faas.TriggerSource]trigger.Keeper{
			faas.TriggerSwift: fromswift.New(fromswift.Config{Cloud: cloud, Take: taker}),
			faas.TriggerAodh: reached{at, fromaodh.New(fromaodh.Config{
				Cloud: cloud, URL: at.of, Service: cloud.Service, Log: log,
			})},
			faas.TriggerZaqar: reached{at, fromzaqar.New(fromzaqar.Config{
				Cloud: cloud, URL: at.of, Taker: taker, Log: log,
			})},
		}
	}, nil
}

// doors know at which URLs other services reach triggers.
type doors struct {
	parts Parts
	conf  config.Service
	keys  *webhook.Keys

	mu       sync.Mutex
	endpoint string // of the API; "" until it is known
}

// find finds out where the API is.
func (d *doors) find(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.endpoint != "" {
		return nil
	}
	for _, known := range []string{d.conf.Triggers.Endpoint, d.conf.API.PublicEndpoint} {
		if known != "" {
			d.endpoint = known
			return nil
		}
	}
	endpoint, err := d.parts.Keystone.Endpoint(ctx, serviceType)
	if err != nil {
		return faas.Errorf(faas.Unavailable, "The service does not know where Aodh and Zaqar reach it: its operator has to set "+
			"[triggers] endpoint.").
			WithCause(err)
	}
	d.endpoint = endpoint
	return nil
}

// of returns a trigger's URL, once find has found out where.
func (d *doors) of(t faas.Trigger) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return webhook.TriggerURL(d.endpoint, t.ID, d.keys.URLSecret(t.ID, t.Generation))
}

// reached is a keeper that has others send events to triggers' URLs.
type reached struct {
	at *doors
	trigger.Keeper
}

// Keep implements trigger.Keeper.
func (r reached) Keep(ctx context.Context, t faas.Trigger) (trigger.Kept, error) {
	if err := r.at.find(ctx); err != nil {
		return trigger.Kept{}, err
	}
	return r.Keeper.Keep(ctx, t)
}

// projectGone returns what knows whether a project was deleted, nil without Keystone.
func (p Parts) projectGone() func(context.Context, string) (bool, error) {
	if p.Keystone == nil {
		return nil
	}
	return p.Keystone.ProjectGone
}

// hear has the engine bring other services' notifications to triggers, where the configuration says
// whose.
func (p Parts) hear(e *engine.Engine, conf config.Service, log *slog.Logger) error {
	if len(conf.Triggers.Exchanges) == 0 {
		return nil
	}
	if p.Keystone == nil {
		return errors.New(
			"[triggers] notification_exchanges needs [DEFAULT] auth_strategy = keystone: notifications are of projects",
		)
	}
	if conf.Triggers.TransportURL != "" {
		conf.Default.TransportURL = conf.Triggers.TransportURL
	}
	rabbit, err := rabbitConfig(conf.Base)
	if err != nil {
		return fmt.Errorf("the RabbitMQ of [triggers]: %w", err)
	}
	rabbit.Log = log
	index := frombus.NewIndex(frombus.IndexConfig{Triggers: p.Store, Log: log})
	containers := frombus.NewContainers(frombus.IndexConfig{Triggers: p.Store, Log: log})
	sifter := frombus.NewSifter(frombus.SifterConfig{
		Index: index, Containers: containers, Wake: e.WakeTrigger, Taker: e.Taker(), ProjectGone: p.deleteTriggersOfGone, Hidden: conf.Triggers.Hidden, Log: log,
	})
	feed, err := busfeed.New(busfeed.Config{
		Broker: rabbit, Queue: conf.Rabbit.Prefix + ".notifications", Exchanges: conf.Triggers.Exchanges,
		Topics: conf.Triggers.Topics, MaxBytes: conf.Triggers.QueueBytes, Expires: conf.Triggers.QueueExpires,
		Sift: sifter.Sift, Ready: index.Loaded(), Log: log,
	})
	if err != nil {
		return err
	}
	feed.Register(p.Registry)
	sifter.Register(p.Registry)
	e.Hear(engine.Notifications{Index: index, Containers: containers, Feed: feed})
	return nil
}

// deleteTriggersOfGone deletes the triggers of a project that is said to be gone, if Keystone says
// so too.
func (p Parts) deleteTriggersOfGone(ctx context.Context, projectID string) error {
	gone, err := p.Keystone.ProjectGone(ctx, projectID)
	if err != nil {
		return faas.Errorf(faas.Unavailable, "Keystone can not be asked whether a project is gone.").WithCause(err)
	}
	if gone {
		_, err = p.Store.DeleteTriggersOf(ctx, projectID)
	}
	return err
}

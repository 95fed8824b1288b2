package service

import (
	"fmt"
	"log/slog"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/notify"
)

// openNotifications makes the parts that notify other services: every process keeps events, engines
// publish them. RabbitMQ need not be there yet.
func (p *Parts) openNotifications(conf config.Service, program string, log *slog.Logger) error {
	if conf.Notify.Driver != "messagingv2" {
		return nil
	}
	p.Notify = &notify.Notifier{Publisher: program + "." + conf.Default.Process(), Starts: conf.Notify.Starts}
	if conf.Notify.TransportURL != "" {
		conf.Default.TransportURL = conf.Notify.TransportURL
	}
	rabbit, err := rabbitConfig(conf.Base)
	if err != nil {
		return fmt.Errorf("the RabbitMQ of [oslo_messaging_notifications]: %w", err)
	}
	rabbit.Log = log
	p.carrier = &notify.Rabbit{
		Broker: rabbit, Exchange: conf.Notify.Exchange, Topics: conf.Notify.Topics, Durable: conf.Rabbit.Durable, Log: log,
	}
	return nil
}

// publisher returns what publishes the events that are kept; nil where other services are notified
// of nothing.
func (p *Parts) publisher(log *slog.Logger) *notify.Publisher {
	if p.carrier == nil {
		return nil
	}
	publisher := notify.NewPublisher(notify.PublisherConfig{Outbox: p.Store.Outbox, Carry: p.carrier.Carry, Log: log})
	publisher.Register(p.Registry)
	return publisher
}

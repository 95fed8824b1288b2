package service

import (
	"fmt"
	"log/slog"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/notify"
)

// openNotifications makes what tells other services. RabbitMQ need not be there yet.
func (p *Parts) openNotifications(conf config.Service, program string, log *slog.Logger) error {
	if conf.Notify.Driver != "messagingv2" {
		return nil
	}
	if conf.Notify.TransportURL != "" {
		conf.Default.TransportURL = conf.Notify.TransportURL
	}
	rabbit, err := rabbitConfig(conf.Base)
	if err != nil {
		return fmt.Errorf("the RabbitMQ of [oslo_messaging_notifications]: %w", err)
	}
	rabbit.Log = log
	p.carry = &notify.Rabbit{Broker: rabbit, Exchange: conf.Notify.Exchange, Topics: conf.Notify.Topics, Durable: conf.Rabbit.Durable, Log: log}
	p.Notify = notify.New(notify.Config{Publisher: program + "." + conf.Default.Process(), Carry: p.carry.Carry, Log: log})
	p.Notify.Register(p.Registry)
	return nil
}

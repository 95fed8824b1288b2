package service

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/config"
)

// CheckBroker connects to RabbitMQ and leaves again.
func CheckBroker(ctx context.Context, conf config.Base) error {
	c, err := rabbitConfig(conf)
	if err != nil {
		return err
	}
	conn, err := broker.Dial(ctx, c, "status")
	if err != nil {
		return err
	}
	return conn.Close()
}

// CheckKeystone gets a token of the service's own, and returns which of the service types the
// catalogue does not have.
func CheckKeystone(ctx context.Context, conf config.Base, serviceTypes ...string) (missing []string, err error) {
	client, err := openKeystone("keystone", conf.Auth, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if _, err := client.ServiceToken(ctx); err != nil {
		return nil, fmt.Errorf("%s as the user %s: %w", conf.Auth.AuthURL, conf.Auth.Username, err)
	}
	for _, t := range serviceTypes {
		if _, err := client.Endpoint(ctx, t); err != nil {
			missing = append(missing, t)
		}
	}
	return missing, nil
}

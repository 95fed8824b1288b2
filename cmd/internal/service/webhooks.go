package service

import (
	"fmt"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/webhook"
)

// WebhookKeys returns the keys of webhooks. All APIs of an installation need the same secret, so it
// is one of the configuration's. faas-standalone, which needs no secret of workers, keeps one of
// its own beside its database.
func WebhookKeys(conf config.Service) (*webhook.Keys, error) {
	secret, err := secretOr(conf, "webhook-secret", conf.API.WebhookSecret, conf.Worker.TokenSecret)
	if err != nil {
		return nil, fmt.Errorf("[api] webhook_secret: %w", err)
	}
	return webhook.NewKeys(secret)
}

package apiserver

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/policy"
)

// watchedRules compiles the rules and looks at the operator's files from then on, until stop, which
// waits for that to end, and whenever the configuration is loaded anew.
func watchedRules(
	ctx context.Context, conf config.Policy, live *service.Live, registry *prometheus.Registry, log *slog.Logger,
) (rules *policy.Enforcer, stop func(), err error) {
	rules, err = policy.New(ctx, policy.Options{
		Dirs: conf.Dirs, LogDecisions: conf.LogDecisions, RequestID: request.ID, Log: log, Registry: registry,
	})
	if err != nil {
		return nil, func() {}, err
	}
	live.Take(func(config.Settings) { rules.Look(context.WithoutCancel(ctx)) })
	if conf.Reload == 0 {
		return rules, func() {}, nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // rules change while the last requests are served, too
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		rules.Watch(ctx, conf.Reload)
	}()
	return rules, func() { cancel(); <-ended }, nil
}

package service

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
)

// openQuotas makes what says how much projects may have. It contacts nobody.
func (p *Parts) openQuotas(conf config.Quota, log *slog.Logger) error {
	c := quota.Config{Defaults: defaultsOf(conf), CacheTime: conf.CacheTime, Log: log}
	switch {
	case conf.Driver != "unified_limits":
		c.Driver = quota.Database{Store: p.Store.QuotaStore}
	case p.Keystone == nil:
		return errors.New(
			"[quota] driver = unified_limits needs [DEFAULT] auth_strategy = keystone: the limits are Keystone's",
		)
	default:
		c.Driver, c.Fallback = quota.Unified{Ask: p.Keystone.UnifiedLimits(conf.ServiceType).Of}, true
	}
	p.Quotas = quota.New(c)
	p.Calls, p.Sums = quota.NewCalls(p.Quotas, p.Store.Shards(), nil), quota.NewSums(nil)
	p.Calls.CountRecords(p.Store.RecordUsage)
	return nil
}

// defaultsOf returns what a project may have without limits of its own.
func defaultsOf(conf config.Quota) faas.Amounts {
	return faas.Amounts{
		faas.ResourceFunctions: conf.Functions, faas.ResourceVersions: conf.Versions, faas.ResourceAliases: conf.Aliases,
		faas.ResourceWebhooks: conf.Webhooks, faas.ResourceJobs: conf.Jobs, faas.ResourceTriggers: conf.Triggers,
		faas.ResourcePackages: conf.PackageBytes,
		faas.ResourceMemory:   conf.WorkerMemory, faas.ResourceExecutions: conf.Executions, faas.ResourceCalls: conf.CallsPerMinute,
		faas.ResourceQueued: conf.Queued, faas.ResourceRecords: conf.RecordBytes,
		faas.ResourceRecordDays: conf.RecordDays, faas.ResourceRecordsKept: conf.RecordsKept,
	}
}

// shareCalls has the processes of an installation tell each other how many executions they run,
// until stop.
func (p *Parts) shareCalls(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // while requests under way end, too
	unsubscribe, err := p.Broker.Subscribe(ctx, faas.TopicCallsSummed, p.Calls.HearSums)
	if err != nil {
		cancel()
		return err
	}
	var sharing sync.WaitGroup
	sharing.Go(func() {
		p.Calls.Share(ctx, p.Name, func(ctx context.Context, shard int, body []byte) error {
			return p.Broker.Broadcast(ctx, faas.TopicCallsCounted(shard), body)
		}, log)
	})
	sharing.Go(func() {
		p.Sums.Share(ctx, func(ctx context.Context, body []byte) error {
			return p.Broker.Broadcast(ctx, faas.TopicCallsSummed, body)
		}, log)
	})
	p.stopSharing = func() {
		cancel()
		sharing.Wait()
		unsubscribe()
	}
	return nil
}

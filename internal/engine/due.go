package engine

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/engine/followup"
	"github.com/openstack-faas/faas/internal/engine/jobs"
	"github.com/openstack-faas/faas/internal/engine/triggers"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/store"
)

// dueKinds is all work that is due at a time. The owner of a shard does that of its shard.
func (e *Engine) dueKinds() []duework.Kind {
	limits := e.cfg.Limits
	kinds := []duework.Kind{
		{
			Name: store.LostMessage, Run: e.executions.PublishAgain, Parallel: 16, Timeout: 30 * time.Second, LastRetry: time.Minute,
			Handover:  true, // a second message of an execution is dropped by who finds it claimed
			Withdrawn: true,
		},
		{
			// A deletion that was begun is another's to repeat only when nothing of it can be under
			// way any more.
			Name: store.PackageDeletion, Run: e.upkeep.DeletePackage, Parallel: 4, Attempts: 20, FirstRetry: 65 * time.Second,
		},
		{
			Name: store.JobExecution, Run: e.jobs.Fire, Parallel: 32, Timeout: 30 * time.Second, FirstRetry: jobs.FirstRetry,
			Handover: true,
		},
		{
			Name: store.FollowUp, Run: e.followUps.Follow, Parallel: 32, Timeout: 30 * time.Second, LastRetry: 5 * time.Minute,
			Handover: true,
		},
		{
			Name: store.TriggerKeeping, Run: e.triggers.Keep, Parallel: triggers.Parallel, Timeout: triggers.Timeout,
			FirstRetry: triggers.FirstRetry, LastRetry: triggers.LastRetry,
		},
		{
			Name: store.Delivery, Run: e.followUps.Deliver, Parallel: followup.Deliveries, Timeout: 30 * time.Second,
			LastRetry: 10 * time.Minute,
		},
		{Name: store.PackageSearch, Run: e.upkeep.SearchPackages, Timeout: 30 * time.Minute},
		{Name: "expired-leases", Run: e.upkeep.SettleExpired, Every: limits.Reap, LastRetry: limits.Lease},
		{Name: "statistics-purge", Run: e.upkeep.PurgeStatistics, Every: 10 * time.Minute},
		{Name: "record-partitions", Run: e.upkeep.MakeSpans, Every: time.Hour, LastRetry: 10 * time.Minute},
		{Name: "record-keeping", Run: e.upkeep.KeepRecords, Every: 10 * time.Minute, Timeout: 10 * time.Minute},
		{Name: "usage-repair", Run: e.upkeep.RepairUsage, Every: time.Hour, Timeout: 10 * time.Minute},
		{Name: "record-usage-repair", Run: e.upkeep.RepairRecordUsage, Every: 24 * time.Hour, Timeout: 2 * time.Hour},
	}
	if limits.Retention > 0 {
		kinds = append(kinds, duework.Kind{Name: "execution-purge", Run: e.upkeep.PurgeExecutions, Every: 10 * time.Minute, Timeout: 10 * time.Minute},
			duework.Kind{Name: "dead-letter-purge", Run: e.upkeep.PurgeDeadLetters, Every: 10 * time.Minute})
	}
	if images, runs := e.cfg.Orchestrator.(orchestrator.Images); runs {
		kinds = append(kinds, duework.Kind{
			Name: "image-sweep", Every: time.Minute, LastRetry: time.Minute,
			Run: func(ctx context.Context, _ store.DueItem) (duework.Next, error) {
				return duework.Done(), images.SweepUnused(ctx)
			},
		})
	}
	if e.cfg.Trusts != nil {
		kinds = append(kinds, duework.Kind{
			Name: store.TrustDeletion, Run: e.upkeep.DeleteTrust, Parallel: 4, Attempts: 20, FirstRetry: 15 * time.Second,
		})
	}
	return kinds
}

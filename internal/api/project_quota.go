package api

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/swiftcode"
)

// projectQuota knows what projects may have, for the handlers that make something.
type projectQuota struct {
	quotas *quota.Quotas // nil: anything
	store  *store.QuotaStore
}

// limits returns what a project may have; nil is anything.
func (q projectQuota) limits(ctx context.Context, projectID string) (faas.Amounts, error) {
	if q.quotas == nil {
		return nil, nil
	}
	return q.quotas.Limits(ctx, projectID)
}

// roomForFunction refuses a function that is over the quota, before anything is made for it. What
// holds is counted when it is recorded.
func (q projectQuota) roomForFunction(ctx context.Context, projectID string) error {
	limits, err := q.limits(ctx, projectID)
	limit := limits.Limit(faas.ResourceFunctions)
	if err != nil || limit == faas.Unlimited {
		return err
	}
	used, err := q.store.QuotaUsage(ctx, projectID)
	if err == nil && used[faas.ResourceFunctions] >= limit {
		err = faas.Over(faas.ResourceFunctions, limit, used[faas.ResourceFunctions], 1)
	}
	return err
}

// roomForPackage reports whether a project may keep another package in the place of one that has so
// many bytes, 0 for none. What holds is counted when it is recorded.
func (q projectQuota) roomForPackage(projectID string, before int64) swiftcode.Room {
	return quota.PackageRoom(q.store, q.limits, projectID, before)
}

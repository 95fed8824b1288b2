package quota

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// PackageRoom returns a function that checks whether a project may keep a package of so many bytes
// in the place of one that has replaced bytes, 0 for none; its error is of kind OverQuota when not.
// limits returns what the project may have. What the check allows may be refused all the same when
// the package is recorded, where it is counted together with all others.
func PackageRoom(
	s *store.QuotaStore, limits func(ctx context.Context, projectID string) (faas.Amounts, error), projectID string,
	replaced int64,
) func(ctx context.Context, size int64) error {
	return func(ctx context.Context, size int64) error {
		may, err := limits(ctx, projectID)
		if err != nil || may.Limit(faas.ResourcePackages) == faas.Unlimited {
			return err
		}
		used, err := s.QuotaUsage(ctx, projectID)
		if err != nil {
			return err
		}
		return may.Fits(faas.ResourcePackages, used[faas.ResourcePackages], size-replaced)
	}
}

package upkeep

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	purgeBatch = 1000
	// packageBatch is how many deletions of packages that somebody began and did not finish one
	// look finds.
	packageBatch = 100
	// packageTimeout bounds the deletion of one.
	packageTimeout = 30 * time.Second
)

// PurgeExecutions deletes ended executions after their time.
func (u *Upkeeper) PurgeExecutions(ctx context.Context) {
	if u.cfg.Retention == 0 {
		return
	}
	before := u.cfg.Now().Add(-u.cfg.Retention)
	for {
		n, err := u.cfg.Store.PurgeExecutions(ctx, before, purgeBatch)
		if err != nil {
			u.log.Warn("old executions could not be purged", "error", err)
			return
		}
		if n < purgeBatch {
			return
		}
	}
}

// CollectPackages deletes packages that are old and without a function. What the list says may be
// over when it is read: TakePackage decides.
func (u *Upkeeper) CollectPackages(ctx context.Context) {
	before := u.cfg.Now().Add(-u.cfg.PackageGrace)
	err := u.cfg.Code.List(ctx, func(sha256 string, put time.Time) error {
		if put.After(before) {
			return nil
		}
		used, err := u.cfg.Store.PackageReferenced(ctx, sha256)
		if err != nil || used {
			return err
		}
		return u.deletePackage(ctx, sha256)
	})
	if err != nil && faas.KindOf(err) != faas.NotFound && ctx.Err() == nil {
		u.log.Warn("packages could not be collected", "error", err)
	}
}

// FinishPackages goes on with deletions that were begun and not finished: until they are, nobody
// can store those packages.
func (u *Upkeeper) FinishPackages(ctx context.Context) {
	undeleted, err := u.cfg.Store.UndeletedPackages(ctx, u.cfg.Now(), packageBatch)
	for _, sha256 := range undeleted {
		if err == nil {
			err = u.deletePackage(ctx, sha256)
		}
	}
	if err != nil && ctx.Err() == nil {
		u.log.Warn("packages that are to be deleted could not be", "error", err)
	}
}

// deletePackage deletes a package unless a function refers to it, or somebody stores or deletes it.
func (u *Upkeeper) deletePackage(ctx context.Context, sha256 string) error {
	now := u.cfg.Now()
	until := now.Add(2 * packageTimeout) // clocks of engines may differ by the half of it
	ours, err := u.cfg.Store.TakePackage(ctx, sha256, now, until)
	if err != nil || !ours {
		return err
	}
	deleting, cancel := context.WithTimeout(ctx, packageTimeout)
	defer cancel()
	if err := u.cfg.Code.Delete(deleting, sha256); err != nil {
		return err
	}
	u.log.Info("collected a package that no function refers to", "sha256", sha256)
	return u.cfg.Store.PackageDeleted(ctx, sha256, until)
}

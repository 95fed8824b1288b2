package engine

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	retainPause = 10 * time.Minute
	purgeBatch  = 1000
	// packagePause is the time between two looks for deletions of packages that somebody began and did not finish, packageBatch how many each finds.
	packagePause = 30 * time.Second
	packageBatch = 100
	// packagePatience bounds the deletion of one.
	packagePatience = 30 * time.Second
)

// retain purges what is kept no longer: ended executions after their time, packages that no function refers to.
func (e *Engine) retain(ctx context.Context) {
	every(ctx, retainPause, func(ctx context.Context) {
		e.purgeExecutions(ctx)
		e.collectPackages(ctx)
	})
}

func (e *Engine) purgeExecutions(ctx context.Context) {
	if e.cfg.Limits.Retention == 0 {
		return
	}
	before := e.now().Add(-e.cfg.Limits.Retention)
	for {
		n, err := e.cfg.Store.PurgeExecutions(ctx, before, purgeBatch)
		if err != nil {
			e.log.Warn("old executions could not be purged", "error", err)
			return
		}
		if n < purgeBatch {
			return
		}
	}
}

// collectPackages deletes packages that are old and without a function. What the list says may be over when it is read: TakePackage decides.
func (e *Engine) collectPackages(ctx context.Context) {
	before := e.now().Add(-e.cfg.Limits.PackageGrace)
	err := e.cfg.Code.List(ctx, func(sha256 string, put time.Time) error {
		if put.After(before) {
			return nil
		}
		used, err := e.cfg.Store.PackageReferenced(ctx, sha256)
		if err != nil || used {
			return err
		}
		return e.deletePackage(ctx, sha256)
	})
	if err != nil && faas.KindOf(err) != faas.NotFound && ctx.Err() == nil {
		e.log.Warn("packages could not be collected", "error", err)
	}
}

// finishPackages goes on with deletions that were begun and not finished: until they are, nobody can store those packages.
func (e *Engine) finishPackages(ctx context.Context) {
	every(ctx, packagePause, e.finishPackagesOnce)
}

func (e *Engine) finishPackagesOnce(ctx context.Context) {
	undeleted, err := e.cfg.Store.UndeletedPackages(ctx, e.now(), packageBatch)
	for _, sha256 := range undeleted {
		if err == nil {
			err = e.deletePackage(ctx, sha256)
		}
	}
	if err != nil && ctx.Err() == nil {
		e.log.Warn("packages that are to be deleted could not be", "error", err)
	}
}

// deletePackage deletes a package unless a function refers to it, or somebody stores or deletes it.
func (e *Engine) deletePackage(ctx context.Context, sha256 string) error {
	now := e.now()
	until := now.Add(2 * packagePatience) // clocks of engines may differ by the half of it
	ours, err := e.cfg.Store.TakePackage(ctx, sha256, now, until)
	if err != nil || !ours {
		return err
	}
	deleting, cancel := context.WithTimeout(ctx, packagePatience)
	defer cancel()
	if err := e.cfg.Code.Delete(deleting, sha256); err != nil {
		return err
	}
	e.log.Info("collected a package that no function refers to", "sha256", sha256)
	return e.cfg.Store.PackageDeleted(ctx, sha256, until)
}

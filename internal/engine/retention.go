package engine

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	retainPause = 10 * time.Minute
	purgeBatch  = 1000
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

// collectPackages deletes packages without a function. The grace covers the moment between a package's upload and its
// function's row; storing a package again renews it.
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
		e.log.Info("collected a package that no function refers to", "sha256", sha256)
		return e.cfg.Code.Delete(ctx, sha256)
	})
	if err != nil && faas.KindOf(err) != faas.NotFound && ctx.Err() == nil {
		e.log.Warn("packages could not be collected", "error", err)
	}
}

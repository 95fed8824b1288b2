package upkeep

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const (
	// packageTimeout bounds the deletion of one package.
	packageTimeout = 30 * time.Second
	// packageHold is for how long nobody else may store a package that is to be deleted, unless it
	// is deleted before: when the deletion has failed, nothing of it is under way any more after
	// that.
	packageHold = 2 * packageTimeout
)

// DeletePackage deletes a package unless a function has it, or somebody stores it. The item was
// added when the package was announced, or a function lost it; it stays until the package is
// forgotten.
func (u *Upkeeper) DeletePackage(ctx context.Context, i store.DueItem) (duework.Next, error) {
	if early := u.cfg.PackageGrace - i.Age; early > 0 {
		return duework.Again(early), nil
	}
	ours, again, err := u.cfg.Store.TakePackage(ctx, i.Ref, packageHold)
	switch {
	case err != nil:
		return duework.Done(), err
	case ours == nil && again > 0:
		return duework.Again(again), nil
	case ours == nil:
		return duework.Done(), nil
	}
	deleting, cancel := context.WithTimeout(ctx, packageTimeout)
	defer cancel()
	if err := u.cfg.Code.Delete(deleting, i.Ref); err != nil {
		return duework.Done(), err
	}
	u.log.Info("deleted a package that no function refers to", "sha256", i.Ref)
	again, err = u.cfg.Store.PackageDeleted(ctx, *ours)
	return duework.Again(again), err
}

// SearchPackages looks through all packages once for those that no function has: releases before
// due work left no items for them.
func (u *Upkeeper) SearchPackages(ctx context.Context, _ store.DueItem) (duework.Next, error) {
	used, err := u.cfg.Store.PackagesReferenced(ctx)
	if err != nil {
		return duework.Done(), err
	}
	err = u.cfg.Code.List(ctx, func(sha256 string, _ time.Time) error {
		if used[sha256] {
			return nil
		}
		return u.cfg.Store.AddDue(ctx, store.PackageDeletion, sha256, 0)
	})
	if faas.KindOf(err) == faas.NotFound { // nothing was ever stored
		err = nil
	}
	return duework.Done(), err
}

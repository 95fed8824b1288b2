package upkeep

import (
	"context"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/store"
)

// purgeBatch is how many executions one step deletes.
const purgeBatch = 1000

// PurgeExecutions deletes ended executions after their time, one batch at a time.
func (u *Upkeeper) PurgeExecutions(ctx context.Context, _ store.DueItem) (duework.Next, error) {
	n, err := u.cfg.Store.PurgeExecutions(ctx, u.cfg.Now().Add(-u.cfg.Retention), purgeBatch)
	if err == nil && n == purgeBatch {
		return duework.Again(0), nil
	}
	return duework.Done(), err
}

// PurgeDeadLetters deletes the dead letters of triggers after the same time, one batch at a time.
func (u *Upkeeper) PurgeDeadLetters(ctx context.Context, _ store.DueItem) (duework.Next, error) {
	n, err := u.cfg.Store.PurgeDeadLetters(ctx, u.cfg.Now().Add(-u.cfg.Retention), purgeBatch)
	if err == nil && n == purgeBatch {
		return duework.Again(0), nil
	}
	return duework.Done(), err
}

package upkeep

import (
	"context"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// purgeBatch is how many executions one step deletes.
const purgeBatch = 1000

// PurgeExecutions forgets ended executions after their time: partitions as a whole, others one batch
// at a time.
func (u *Upkeeper) PurgeExecutions(ctx context.Context, _ store.DueItem) (duework.Next, error) {
	n, err := u.cfg.Store.Retire(ctx, u.cfg.Now().Add(-u.cfg.Retention), purgeBatch)
	switch {
	case errors.Is(err, store.ErrInUse):
		u.log.Info("an old partition of executions is dropped later", "error", err)
		return duework.Again(untilUnused), nil
	case err == nil && n >= purgeBatch:
		return duework.Again(0), nil
	}
	return duework.Done(), err
}

// untilUnused is the pause after which a table is changed that was in use.
const untilUnused = time.Minute

// MakeSpans makes partitions for the executions to come.
func (u *Upkeeper) MakeSpans(ctx context.Context, _ store.DueItem) (duework.Next, error) {
	err := u.cfg.Store.MakeSpans(ctx, u.cfg.Retention)
	switch {
	case errors.Is(err, store.ErrInUse):
		return duework.Again(untilUnused), nil
	case errors.Is(err, store.ErrNoRight):
		u.log.Warn("the database's user may not make partitions: executions are deleted row by row", "error", err)
		return duework.Done(), nil
	}
	return duework.Done(), err
}

// runningLogKept is how long a log is kept that its process did not drop: longer than any call takes.
const runningLogKept = 24 * time.Hour

// PurgeStatistics deletes what is kept no longer of the statistics of short steps and of long ones,
// and of logs of executions that ran, one batch at a time.
func (u *Upkeeper) PurgeStatistics(ctx context.Context, _ store.DueItem) (duework.Next, error) {
	short, err := u.cfg.Store.PurgeStatistics(ctx, faas.ShortStep, u.cfg.Now().Add(-faas.ShortKept), purgeBatch)
	if err != nil {
		return duework.Done(), err
	}
	logs, err := u.cfg.Store.PurgeLogs(ctx, runningLogKept, purgeBatch)
	if err != nil {
		return duework.Done(), err
	}
	long, err := u.cfg.Store.PurgeStatistics(ctx, faas.LongStep, u.cfg.Now().Add(-u.cfg.Statistics), purgeBatch)
	if err == nil && (short == purgeBatch || long == purgeBatch || logs == purgeBatch) {
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

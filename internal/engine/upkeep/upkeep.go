// Package upkeep keeps the records clean: it purges what is kept no longer, deletes packages and
// trusts that nobody needs, ends what dead processes left running, and counts again what projects
// have. Each of these is a kind of due work (package duework): a method does one item, or one
// bounded step of what recurs.
package upkeep

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
)

// Config is what an Upkeeper needs. Every field is required but those that say what stands in for
// them.
type Config struct {
	Store        *store.Store
	Code         codestore.Store
	Trusts       Trusts           // nil: there are none to delete
	Notify       *notify.Notifier // makes what other services are told; nil: they are told nothing
	Quotas       *quota.Quotas    // what projects keep less of; nil: they keep as much as all
	Retention    time.Duration    // ended executions are purged after this long; 0 keeps them
	Statistics   time.Duration    // statistics are purged after this long
	PackageGrace time.Duration    // a package that no function refers to is deleted after this long
	Lease        time.Duration    // of executions
	Now          func() time.Time
	Log          *slog.Logger
}

// Upkeeper does the upkeep. It is safe for concurrent use.
type Upkeeper struct {
	cfg Config
	log *slog.Logger

	mu    sync.Mutex
	round round // of KeepRecords
}

// New returns an upkeeper.
func New(cfg Config) *Upkeeper { return &Upkeeper{cfg: cfg, log: cfg.Log} }

// RepairUsage counts again what projects have: programs from before the counts may have written
// during an upgrade.
func (u *Upkeeper) RepairUsage(ctx context.Context, _ store.DueItem) (duework.Next, error) {
	n, err := u.cfg.Store.RepairUsage(ctx)
	if n > 0 {
		u.log.Warn("counts of quota usage were wrong and have been corrected", "counts", n)
	}
	return duework.Done(), err
}

// RepairRecordUsage counts again what the records of executions take: what processes had not added
// to the counts when they were killed is missing there.
func (u *Upkeeper) RepairRecordUsage(ctx context.Context, _ store.DueItem) (duework.Next, error) {
	n, err := u.cfg.Store.RepairRecordUsage(ctx)
	if n > 0 {
		u.log.Info("counts of projects' records were off and are corrected", "projects", n)
	}
	return duework.Done(), err
}

// Package upkeep keeps the records clean: it purges what is kept no longer, finishes deletions that
// were begun, ends what dead processes left running, and counts again what projects have. Each
// exported method is one look; the engine repeats them.
package upkeep

import (
	"context"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/store"
)

// Config is what an Upkeeper needs. Every field is required but those that say what stands in for
// them.
type Config struct {
	Store        *store.Store
	Code         codestore.Store
	Trusts       Trusts           // nil: there are none to delete
	Notify       *notify.Notifier // makes what other services are told; nil: they are told nothing
	Retention    time.Duration    // ended executions are purged after this long; 0 keeps them
	PackageGrace time.Duration    // a package that no function refers to is collected after this long
	Lease        time.Duration    // of executions
	Now          func() time.Time
	Log          *slog.Logger
}

// Upkeeper does the upkeep. Two of its methods may run at the same time, but no method twice.
type Upkeeper struct {
	cfg  Config
	log  *slog.Logger
	hold holdOff
}

// New returns an upkeeper.
func New(cfg Config) *Upkeeper { return &Upkeeper{cfg: cfg, log: cfg.Log} }

// RepairUsage counts again what projects have: programs from before the counts may have written
// during an upgrade.
func (u *Upkeeper) RepairUsage(ctx context.Context) {
	n, err := u.cfg.Store.RepairUsage(ctx)
	if err != nil && ctx.Err() == nil {
		u.log.Warn("what projects have could not be counted again", "error", err)
	}
	if n > 0 {
		u.log.Warn("counts of what projects have were off and are mended", "counts", n)
	}
}

// RepairRecordUsage counts again what the records of executions take: what processes had not added to the counts when they were killed is
// missing there.
func (u *Upkeeper) RepairRecordUsage(ctx context.Context) {
	n, err := u.cfg.Store.RepairRecordUsage(ctx)
	if err != nil && ctx.Err() == nil {
		u.log.Warn("the records of executions could not be counted again", "error", err)
	}
	if n > 0 {
		u.log.Info("counts of projects' records were off and are corrected", "projects", n)
	}
}

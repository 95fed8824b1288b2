// Package repair brings the workers in line with the records: it finds workers whose engine died
// before it could say whose they are, and ends those of functions and runtimes that are no more,
// and of older revisions.
package repair

import (
	"context"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/store"
)

// Config is what a Repairer needs. Every field is required.
type Config struct {
	Functions  *store.FunctionStore
	Runtimes   *store.RuntimeStore
	Fleet      *fleet.Fleet
	Owns       func(id string) bool                              // reports whether a function or runtime is this engine's
	Adopted    func()                                            // called when a worker was found to be a function's
	DeletePool func(ctx context.Context, runtimeID string) error // ends the pool of a runtime that is no more
	Now        func() time.Time
	Log        *slog.Logger
}

// Repairer repairs. It is safe for concurrent use.
type Repairer struct {
	cfg      Config
	log      *slog.Logger
	soon     background.Signal // workers may be there of which nobody knows whose they are
	outdated outdatedWorkers
}

// New returns a repairer.
func New(cfg Config) *Repairer {
	return &Repairer{cfg: cfg, log: cfg.Log, soon: background.NewSignal(), outdated: newOutdatedWorkers()}
}

const (
	// adoptPause is the time between two looks at generic workers.
	adoptPause = time.Minute
	// adoptGrace is how long an engine that has specialised a worker has to say so before others
	// look whose it is.
	adoptGrace = 3 * time.Second
	// adoptTimeout bounds how long telling the orchestrator of one such worker may take; the next
	// look tries again.
	adoptTimeout = time.Minute
)

// Soon has WatchUnowned look soon.
func (r *Repairer) Soon() { r.soon.Wake() }

// WatchUnowned repeats AdoptUnowned until ctx ends.
func (r *Repairer) WatchUnowned(ctx context.Context) {
	for {
		waiting, cancel := context.WithTimeout(ctx, adoptPause)
		select {
		case <-r.soon:
			background.Sleep(ctx, adoptGrace)
		case <-waiting.Done():
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		r.AdoptUnowned(ctx)
	}
}

// AdoptUnowned finds the workers that look generic and are a function's: their engine died between
// specialising one and telling the orchestrator.
func (r *Repairer) AdoptUnowned(ctx context.Context) {
	for _, w := range r.cfg.Fleet.Statuses(ctx, r.cfg.Fleet.Unclaimed()) {
		if w.Status.State == faas.WorkerSpecialised && r.cfg.Owns(w.Status.Key.FunctionID) {
			r.adopt(ctx, w)
		}
	}
}

// adopt tells the orchestrator which function a worker serves. One that serves what is no more, or
// is no more as it was, ends when it is idle.
func (r *Repairer) adopt(ctx context.Context, found fleet.Reported) {
	key := found.Status.Key
	target, err := r.cfg.Functions.Target(ctx, key)
	switch kind := faas.KindOf(err); {
	case kind == faas.NotFound || kind == faas.Outdated:
		r.cfg.Fleet.EndIfIdle(ctx, found.Worker, 0)
		return
	case err != nil:
		return // the next look tries again
	}
	w := found.Worker
	w.Key, w.ProjectID = key, target.ProjectID
	ctx, cancel := context.WithTimeout(ctx, adoptTimeout)
	defer cancel()
	if r.cfg.Fleet.Adopt(ctx, w, orchestrator.Claim{Target: target, Footprint: found.Status.Footprint}) {
		r.log.Warn("found a worker whose engine died before it recorded the worker's function",
			"worker", w.ID, "function_id", key.FunctionID)
		r.cfg.Adopted()
	}
}

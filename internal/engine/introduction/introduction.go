// Package introduction has new workers introduced whose agents speak TLS: an engine finds out that
// an agent is its worker's, and gives it the certificate by which APIs and engines know it. A
// worker is ready, for every engine, once that is done (docs/adr/0054).
//
// Each engine hears of each worker. The owner of the worker's runtime introduces it at once; others
// do so only when it was left for seconds, because the owner is of a release that does not, or
// cannot reach it.
package introduction

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/workertls"
)

// Config is what an Introducer needs. Every field is required.
type Config struct {
	Engine       string                      // its name: engines differ in how long they wait for owners
	Orchestrator orchestrator.Orchestrator   // that is no Voucher: there is nothing to do
	Owns         func(runtimeID string) bool // reports whether this engine keeps the runtime's pool
	// Introduce asks the worker who it is, and gives it its certificate.
	Introduce func(ctx context.Context, w faas.Worker) error
	Group     *background.Group // of introductions that are under way
	Now       func() time.Time
	Log       *slog.Logger
}

// Introducer introduces workers. Make it with New.
type Introducer struct {
	cfg     Config
	workers *newWorkers
	ended   background.Signal // woken when an introduction has ended, so that another may begin
}

// New returns an introducer that knows of no worker yet.
func New(cfg Config) *Introducer {
	return &Introducer{cfg: cfg, workers: workersOf(cfg.Engine, cfg.Owns), ended: background.NewSignal()}
}

const (
	// lookPause is the time between two looks for workers whose time has come.
	lookPause = 250 * time.Millisecond
	// attemptTimeout bounds one introduction: a worker that does not answer keeps others waiting.
	attemptTimeout = 15 * time.Second
)

// Run introduces workers until ctx ends.
func (i *Introducer) Run(ctx context.Context) {
	voucher, is := i.cfg.Orchestrator.(orchestrator.Voucher)
	if !is {
		return
	}
	look := time.NewTicker(lookPause)
	defer look.Stop()
	changes := i.cfg.Orchestrator.Watch(ctx)
	for {
		select {
		case batch, open := <-changes:
			if !open {
				return
			}
			for _, c := range batch {
				i.workers.take(c, i.cfg.Now())
			}
		case <-look.C:
			i.workers.look(i.cfg.Now())
		case <-i.ended:
		}
		for _, w := range i.workers.next() {
			i.cfg.Group.Go("introduce a worker", func(ctx context.Context) { i.introduce(ctx, voucher, w) })
		}
	}
}

// introduce introduces one worker, and removes one that has failed to be for too often: its pool
// replaces it, as any that does not become ready.
func (i *Introducer) introduce(ctx context.Context, voucher orchestrator.Voucher, w faas.Worker) {
	defer i.ended.Wake()
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	err := voucher.Introduce(attempt, w.ID, func(ctx context.Context) error { return i.cfg.Introduce(ctx, w) })
	if faas.KindOf(err) == faas.NotFound {
		err = nil // it has ended
	}
	hopeless := i.workers.end(w, err, i.cfg.Now())
	if err == nil || ctx.Err() != nil {
		return
	}
	log := i.cfg.Log.With("worker", w.ID, "runtime_id", w.RuntimeID)
	log.Warn("a worker could not be introduced", "error", err)
	if !hopeless {
		return
	}
	log.Warn("a worker could not be introduced for too often and is replaced")
	if err := i.cfg.Orchestrator.Remove(ctx, w.ID); err != nil && ctx.Err() == nil {
		log.Warn("a worker that could not be introduced could not be removed", "error", err)
	}
}

// itsOwn reports whether the error is the worker's fault, rather than that of who would vouch for
// it.
func itsOwn(err error) bool {
	return err != nil && !errors.Is(err, workertls.ErrNoVouching) && faas.KindOf(err) != faas.Unavailable
}

// Package pools keeps the runtimes' pools of generic workers: it makes and ends them, records how
// that went, and sizes them by what the last minutes claimed.
package pools

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/store"
)

// Config is what Pools need. Every field is required.
type Config struct {
	Name         string // of this engine
	Runtimes     *store.RuntimeStore
	Shards       faas.Sharding
	Orchestrator orchestrator.Orchestrator
	Fleet        *fleet.Fleet
	Owns         func(runtimeID string) bool // reports whether this engine keeps the runtime's pool
	Size         int                         // generic workers that each pool keeps ready at least
	Most         int                         // and at most, when claims demand it; Size when less than that
	Extra        int                         // and beside them, for requests that wait
	Workers      int                         // workers of all functions together at most
	// Wanted returns how many more workers are wanted of each runtime by requests that wait here.
	Wanted func() map[string]int
	// Tell sends a faas.WorkersAwaited to the owner of the runtime's pool.
	Tell func(ctx context.Context, runtimeID string, body []byte) error
	// Contents asks a worker what its runtime has for functions.
	Contents func(ctx context.Context, w faas.Worker) (faas.Contents, error)
	Group    *background.Group // of pools that are being set
	Now      func() time.Time
	Log      *slog.Logger
}

// Pools keeps the pools. It is safe for concurrent use.
type Pools struct {
	cfg   Config
	log   *slog.Logger
	sizes *sizes
	has   *contents
	news  background.Signal // woken when shards are due

	waiting waiting
	awaited background.Signal // woken when somebody waits for workers
	broken  broken
}

// New returns pools that know of none yet.
func New(cfg Config) *Pools {
	return &Pools{
		cfg: cfg, log: cfg.Log, sizes: newSizes(), has: newContents(),
		news: background.NewSignal(), awaited: background.NewSignal(),
	}
}

// Reconcile handles a message about a runtime: it brings the pool to what the runtime's row says.
// An error has the message delivered again.
func (p *Pools) Reconcile(ctx context.Context, message []byte) error {
	var req faas.RuntimeRequest
	if err := json.Unmarshal(message, &req); err != nil {
		p.log.Error("dropped a malformed message about a runtime", "error", err)
		return nil
	}
	r, err := p.cfg.Runtimes.Runtime(ctx, faas.AnyProject(), req.RuntimeID)
	if faas.KindOf(err) == faas.NotFound {
		return p.Delete(ctx, req.RuntimeID)
	}
	if err != nil {
		return err
	}
	return p.set(ctx, r)
}

// set makes the pool and records how that went: available, or error with the orchestrator's reason.
func (p *Pools) set(ctx context.Context, r faas.Runtime) error {
	size := p.wantedSizes()(r.ID)
	err := p.cfg.Orchestrator.SetPool(ctx, poolOf(r, size))
	if ctx.Err() != nil {
		return ctx.Err() // stopping: nothing is known about the pool
	}
	if err == nil {
		p.sizes.set(r.ID, size)
	}
	var back *orchestrator.WentBackError
	if errors.As(err, &back) {
		p.log.Warn("a runtime keeps its old image", "runtime_id", r.ID, "image", r.Image, "error", err)
		return p.cfg.Runtimes.RevertRuntime(ctx, r.ID, r.Image, back.Image, back.Error())
	}
	if err != nil && r.Status == faas.RuntimeAvailable {
		// What failed is setting again what was there: that says nothing about the runtime.
		p.log.Warn("a runtime's pool could not be set again", "runtime_id", r.ID, "size", size, "error", err)
		p.sizes.set(r.ID, size)
		return nil
	}
	if r.Status == faas.RuntimeError && p.changed(ctx, r) {
		return nil
	}
	p.broken.note(r.ID, err != nil)
	status, reason := faas.RuntimeAvailable, ""
	if err != nil {
		status, reason = faas.RuntimeError, reasonOf(err)
		p.log.Error("a runtime has no pool", "runtime_id", r.ID, "image", r.Image, "error", err)
	}
	if r.Status == status && r.StatusReason == reason {
		return nil
	}
	return p.cfg.Runtimes.SetRuntimeStatus(ctx, r.ID, status, reason)
}

// setInBackground is set for a pool that nobody waits for.
func (p *Pools) setInBackground(ctx context.Context, r faas.Runtime) {
	if err := p.set(ctx, r); err != nil && ctx.Err() == nil {
		p.log.Error("a runtime's state cannot be recorded", "runtime_id", r.ID, "error", err)
	}
}

// changed reports whether a runtime is not any more what it was when it was read: then what became
// of its pool is not to be recorded.
func (p *Pools) changed(ctx context.Context, was faas.Runtime) bool {
	now, err := p.cfg.Runtimes.Runtime(ctx, faas.AnyProject(), was.ID)
	return err != nil || now.Image != was.Image || now.Status != was.Status
}

// Retry tries again the pools of this engine's runtimes that are in error: what kept them from
// being made may have passed. It waits for none.
func (p *Pools) Retry(ctx context.Context) {
	runtimes, err := p.cfg.Runtimes.AllRuntimes(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.log.Warn("the runtimes cannot be read", "error", err)
		}
		return
	}
	for _, r := range runtimes {
		if r.Status != faas.RuntimeError || !p.cfg.Owns(r.ID) || !p.sizes.try(r.ID) {
			continue
		}
		p.cfg.Group.Go("set a pool again", func(ctx context.Context) {
			defer p.sizes.end(r.ID)
			p.setInBackground(ctx, r)
		})
	}
}

// reasonOf returns the words of an error that are meant for people outside.
func reasonOf(err error) string {
	var f *faas.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return err.Error()
}

// Delete ends a pool and its generic workers.
func (p *Pools) Delete(ctx context.Context, runtimeID string) error {
	p.sizes.forget(runtimeID)
	p.has.forget(runtimeID)
	p.cfg.Fleet.ForgetStarts(runtimeID)
	return p.cfg.Orchestrator.DeletePool(ctx, runtimeID)
}

// Serve answers how many generic workers a runtime has.
func (p *Pools) Serve(_ context.Context, request json.RawMessage) (any, error) {
	var req faas.RuntimeRequest
	if err := json.Unmarshal(request, &req); err != nil {
		return nil, faas.Errorf(faas.Invalid, "The request for a pool is malformed.").WithCause(err)
	}
	var pool faas.Pool
	for _, w := range p.cfg.Fleet.Workers() {
		if w.RuntimeID != req.RuntimeID || !w.Generic() {
			continue
		}
		pool.Total++
		if w.Ready {
			pool.Available++
		}
	}
	return pool, nil
}

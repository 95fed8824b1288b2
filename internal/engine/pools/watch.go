package pools

import (
	"context"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// watchPause is the time between two looks at the sizes of the pools.
const watchPause = time.Second

// TakenOver says that the pools of a shard's runtimes are now this engine's to keep.
func (p *Pools) TakenOver(shard int) {
	p.sizes.takenOver(shard)
	p.news.Wake()
}

// Watch brings up the pools of the runtimes whose shards this engine has come to own, and keeps
// their sizes, until ctx ends.
func (p *Pools) Watch(ctx context.Context) {
	select {
	case <-p.cfg.Fleet.Filled(): // what was claimed before would look as if it were claimed now
	case <-ctx.Done():
		return
	}
	var rearranged <-chan struct{}
	if r, is := p.cfg.Orchestrator.(orchestrator.Rearranger); is {
		rearranged = r.Rearranged()
	}
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for ctx.Err() == nil {
		p.sizes.observe(p.cfg.Fleet.Workers(), p.cfg.Now())
		if shards := p.sizes.takeDue(); len(shards) > 0 {
			p.bringUp(ctx, shards)
		}
		p.resizeAll()
		p.mend()
		p.learn()
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-p.news:
		case <-rearranged:
			p.setAll(ctx)
		}
	}
}

// bringUp starts the pools of the shards' runtimes, each on its own: one that fails keeps none
// waiting.
func (p *Pools) bringUp(ctx context.Context, shards []int) {
	runtimes, err := p.cfg.Runtimes.AllRuntimes(ctx)
	if err != nil {
		p.sizes.stillDue(shards)
		if ctx.Err() == nil {
			p.log.Error("the runtimes cannot be read", "error", err)
		}
		return
	}
	for _, r := range runtimes {
		if !slices.Contains(shards, p.cfg.Shards.Of(r.ID)) {
			continue
		}
		p.cfg.Group.Go("bring up a pool", func(ctx context.Context) { p.setInBackground(ctx, r) })
	}
}

// setAll sets all of this engine's pools as they are: their workers may have to be elsewhere.
func (p *Pools) setAll(ctx context.Context) {
	runtimes, err := p.cfg.Runtimes.AllRuntimes(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.log.Warn("the runtimes cannot be read", "error", err)
		}
		return
	}
	wanted := p.wantedSizes()
	for _, r := range runtimes {
		if r.Status != faas.RuntimeAvailable || !p.cfg.Owns(r.ID) || !p.sizes.try(r.ID) {
			continue
		}
		p.cfg.Group.Go("set a pool again", func(ctx context.Context) {
			defer p.sizes.end(r.ID)
			p.resize(ctx, r.ID, wanted(r.ID))
		})
	}
}

// resizeAll sets the pools whose size is not what the last minutes needed, and those that lack
// workers.
func (p *Pools) resizeAll() {
	wanted := p.wantedSizes()
	generic := map[string]int{}
	for _, w := range p.cfg.Fleet.Workers() {
		if w.RuntimeID == "" || !p.cfg.Owns(w.RuntimeID) {
			continue
		}
		p.sizes.assume(w.RuntimeID, p.cfg.Size)
		if w.Generic() {
			generic[w.RuntimeID]++
		}
	}
	for _, id := range p.sizes.runtimes() {
		if !p.cfg.Owns(id) {
			p.sizes.forget(id)
			continue
		}
		size, now := wanted(id), p.cfg.Now()
		lacks := p.sizes.lacks(id, generic[id], now)
		if lacks {
			p.log.Warn("a pool has lacked workers for a while and is set again", "runtime_id", id, "size", size,
				"workers", generic[id])
		}
		if !lacks && p.sizes.surplus(id, generic[id], now) {
			p.reduce(id)
			continue
		}
		if !lacks && !p.sizes.begin(id, size, now) {
			continue
		}
		p.cfg.Group.Go("resize a pool", func(ctx context.Context) {
			defer p.sizes.end(id)
			p.resize(ctx, id, size)
		})
	}
}

// resize changes a pool's size. That this fails says nothing about the runtime: its status stays as
// it is.
func (p *Pools) resize(ctx context.Context, runtimeID string, size int) {
	r, err := p.cfg.Runtimes.Runtime(ctx, faas.AnyProject(), runtimeID)
	if err == nil && r.Status != faas.RuntimeAvailable {
		return // it is being changed: that sets the size too
	}
	if err == nil {
		err = p.cfg.Orchestrator.SetPool(ctx, poolOf(r, size))
		p.sizes.set(runtimeID, size) // even if no worker is ready in time: the pool was set to it
	}
	switch {
	case faas.KindOf(err) == faas.NotFound:
	case ctx.Err() != nil:
		return
	case err != nil:
		p.log.Warn("a pool's size could not be changed", "runtime_id", runtimeID, "size", size, "error", err)
	default:
		p.log.Info("changed a pool's size", "runtime_id", runtimeID, "size", size)
	}
	// The runtime may have been deleted meanwhile, and its pool before it was set.
	if _, err := p.cfg.Runtimes.Runtime(ctx, faas.AnyProject(), runtimeID); faas.KindOf(err) != faas.NotFound {
		return
	}
	if err := p.Delete(ctx, runtimeID); err != nil {
		p.log.Warn("the pool of a deleted runtime could not be ended", "runtime_id", runtimeID, "error", err)
	}
}

func poolOf(r faas.Runtime, size int) orchestrator.Pool {
	return orchestrator.Pool{RuntimeID: r.ID, Image: r.Image, Trusted: r.Trusted, Placement: r.Placement, Size: size}
}

// wantedSizes returns a function that returns the size that a runtime's pool should have now.
func (p *Pools) wantedSizes() func(runtimeID string) int {
	claimed := 0
	for _, w := range p.cfg.Fleet.Workers() {
		if !w.Generic() {
			claimed++
		}
	}
	return func(runtimeID string) int {
		return poolSize(p.sizes.demand(runtimeID), p.cfg.Size, p.cfg.Most, p.cfg.Workers-claimed)
	}
}

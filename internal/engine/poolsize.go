package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

const (
	poolPause = time.Second
	// poolRefill is about what replacing claimed workers takes: claims within such a span have to be met from what is ready.
	poolRefill = 10 * time.Second
	// poolMemory is how long the claims of a busy moment keep a pool large.
	poolMemory = 5 * time.Minute
	// poolShrinkAfter is how long a pool must have been too large before it is made smaller.
	poolShrinkAfter = time.Minute
	// poolRetry is the time between two attempts at the pools of runtimes that are in error.
	poolRetry = 5 * time.Minute
)

// pools is what the sizes of the runtimes' pools are worked out from. Every engine watches all claims, so that whoever comes to own a
// runtime's shard knows what the last minutes needed.
type pools struct {
	news  bell           // rung when shards are due
	tasks sync.WaitGroup // pools that are being set; watchPools waits for them

	mu      sync.Mutex
	watched bool                   // claims were looked at before: what is new was claimed since
	seen    map[string]struct{}    // ids of workers that were claimed
	claims  map[string][]time.Time // by runtime, oldest first
	sizes   map[string]int         // of pools that this engine has set
	low     map[string]time.Time   // since when a pool has been larger than it should be
	setting map[string]bool        // pools that are being set now
	due     [faas.Shards]bool      // shards whose pools have to be brought up
}

func newPools() *pools {
	return &pools{
		news: newBell(), seen: map[string]struct{}{}, claims: map[string][]time.Time{}, sizes: map[string]int{},
		low: map[string]time.Time{}, setting: map[string]bool{},
	}
}

// takenOver says that the pools of a shard's runtimes are now this engine's to keep.
func (p *pools) takenOver(shard int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due[shard] = true
	p.news.wake()
}

func (p *pools) set(runtimeID string, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sizes[runtimeID] = size
	delete(p.low, runtimeID)
}

func (p *pools) forget(runtimeID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sizes, runtimeID)
	delete(p.low, runtimeID)
}

// observe takes in which workers are claimed now.
func (p *pools) observe(workers []faas.Worker, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	claimed := make(map[string]struct{}, len(workers))
	for _, w := range workers {
		if w.Generic() {
			continue
		}
		claimed[w.ID] = struct{}{}
		if _, known := p.seen[w.ID]; !known && p.watched {
			p.claims[w.RuntimeID] = append(p.claims[w.RuntimeID], now)
		}
	}
	p.seen, p.watched = claimed, true
	for runtime, times := range p.claims {
		old, _ := slices.BinarySearchFunc(times, now.Add(-poolMemory), time.Time.Compare)
		if p.claims[runtime] = slices.Delete(times, 0, old); len(p.claims[runtime]) == 0 {
			delete(p.claims, runtime)
		}
	}
}

// peak is the most workers of a runtime that were claimed within the time in which a pool refills.
func (p *pools) peak(runtimeID string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return mostWithin(p.claims[runtimeID], poolRefill)
}

// begin tells whether a pool is to be set to the size now, and marks it as being set: a larger one at once, a smaller one when the pool has been
// too large for a while.
func (p *pools) begin(runtimeID string, size int, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	has, set := p.sizes[runtimeID]
	switch {
	case !set || p.setting[runtimeID]:
		return false
	case size == has:
		delete(p.low, runtimeID)
		return false
	case size < has:
		since, low := p.low[runtimeID]
		if !low {
			p.low[runtimeID] = now
		}
		if !low || now.Sub(since) < poolShrinkAfter {
			return false
		}
	}
	p.setting[runtimeID] = true
	return true
}

// try tells whether a pool may be set now, and marks it as being set.
func (p *pools) try(runtimeID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.setting[runtimeID] {
		return false
	}
	p.setting[runtimeID] = true
	return true
}

func (p *pools) end(runtimeID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.setting, runtimeID)
}

// runtimes gives those whose pools this engine has set.
func (p *pools) runtimes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]string, 0, len(p.sizes))
	for id := range p.sizes {
		ids = append(ids, id)
	}
	return ids
}

// takeDue gives the shards whose pools have to be brought up.
func (p *pools) takeDue() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var shards []int
	for shard, due := range p.due {
		if due {
			shards = append(shards, shard)
			p.due[shard] = false
		}
	}
	return shards
}

// stillDue says that the pools of shards could not be brought up: the next look tries again.
func (p *pools) stillDue(shards []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, shard := range shards {
		p.due[shard] = true
	}
}

// watchPools brings up the pools of the runtimes whose shards this engine has come to own, and keeps their sizes.
func (e *Engine) watchPools(ctx context.Context) {
	defer e.pools.tasks.Wait()
	tick := time.NewTicker(poolPause)
	defer tick.Stop()
	retry := time.NewTicker(poolRetry)
	defer retry.Stop()
	for ctx.Err() == nil {
		e.pools.observe(e.workers(), e.now())
		if shards := e.pools.takeDue(); len(shards) > 0 {
			e.bringUpPools(ctx, shards)
		}
		e.resizePools(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-e.pools.news:
		case <-retry.C:
			e.retryPools(ctx)
		}
	}
}

// bringUpPools starts the pools of the shards' runtimes, each on its own: one that fails keeps none waiting.
func (e *Engine) bringUpPools(ctx context.Context, shards []int) {
	runtimes, err := e.cfg.Store.Runtimes(ctx, faas.AnyProject(), faas.Query{})
	if err != nil {
		e.pools.stillDue(shards)
		if ctx.Err() == nil {
			e.log.Error("the runtimes cannot be read", "error", err)
		}
		return
	}
	for _, r := range runtimes {
		if !slices.Contains(shards, faas.ShardOf(r.ID)) {
			continue
		}
		e.pools.tasks.Go(func() {
			if err := e.setPool(ctx, r); err != nil && ctx.Err() == nil {
				e.log.Error("a runtime's state cannot be recorded", "runtime_id", r.ID, "error", err)
			}
		})
	}
}

// assume says that a pool has a size, if this engine has set none: another engine made it.
func (p *pools) assume(runtimeID string, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, set := p.sizes[runtimeID]; !set {
		p.sizes[runtimeID] = size
	}
}

// resizePools sets the pools whose size is not what the last minutes needed.
func (e *Engine) resizePools(ctx context.Context) {
	wanted := e.poolSizes()
	for _, w := range e.workers() {
		if w.RuntimeID != "" && e.shards.owns(w.RuntimeID) {
			e.pools.assume(w.RuntimeID, e.cfg.Limits.PoolSize)
		}
	}
	for _, id := range e.pools.runtimes() {
		if !e.shards.owns(id) {
			e.pools.forget(id)
			continue
		}
		size := wanted(id)
		if !e.pools.begin(id, size, e.now()) {
			continue
		}
		e.pools.tasks.Go(func() {
			defer e.pools.end(id)
			e.resizePool(ctx, id, size)
		})
	}
}

// resizePool changes a pool's size. That this fails says nothing about the runtime: its status stays as it is.
func (e *Engine) resizePool(ctx context.Context, runtimeID string, size int) {
	r, err := e.cfg.Store.Runtime(ctx, faas.AnyProject(), runtimeID)
	if err == nil && r.Status != faas.RuntimeAvailable {
		return // it is being changed: that sets the size too
	}
	if err == nil {
		err = e.cfg.Orchestrator.SetPool(ctx, poolOf(r, size))
		e.pools.set(runtimeID, size) // even if no worker is ready in time: it is what the pool was told
	}
	switch {
	case faas.KindOf(err) == faas.NotFound:
	case ctx.Err() != nil:
		return
	case err != nil:
		e.log.Warn("a pool's size could not be changed", "runtime_id", runtimeID, "size", size, "error", err)
	default:
		e.log.Info("changed a pool's size", "runtime_id", runtimeID, "size", size)
	}
	// The runtime may have been deleted meanwhile, and its pool before it was set.
	if _, err := e.cfg.Store.Runtime(ctx, faas.AnyProject(), runtimeID); faas.KindOf(err) != faas.NotFound {
		return
	}
	if err := e.deletePool(ctx, runtimeID); err != nil {
		e.log.Warn("the pool of a deleted runtime could not be ended", "runtime_id", runtimeID, "error", err)
	}
}

func poolOf(r faas.Runtime, size int) orchestrator.Pool {
	return orchestrator.Pool{RuntimeID: r.ID, Image: r.Image, Trusted: r.Trusted, Size: size}
}

// poolSizes gives what tells the size that a runtime's pool should have now.
func (e *Engine) poolSizes() func(runtimeID string) int {
	claimed := 0
	for _, w := range e.workers() {
		if !w.Generic() {
			claimed++
		}
	}
	l := e.cfg.Limits
	return func(runtimeID string) int {
		return poolSize(e.pools.peak(runtimeID), l.PoolSize, l.PoolMax, l.Workers-claimed)
	}
}

func (e *Engine) deletePool(ctx context.Context, runtimeID string) error {
	e.pools.forget(runtimeID)
	return e.cfg.Orchestrator.DeletePool(ctx, runtimeID)
}

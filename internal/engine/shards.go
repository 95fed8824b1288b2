package engine

import (
	"context"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
)

// shards are those that this engine owns now, each with the context that ends when it does so no
// longer.
type shards struct {
	mu    sync.Mutex
	owned [faas.Shards]context.Context
}

func newShards() *shards { return &shards{} }

func (s *shards) set(owned context.Context, shard int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owned[shard] = owned
}

func (s *shards) drop(shard int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owned[shard] = nil
}

// of returns the context of the shard that an id belongs to; ok is false when another engine owns
// it.
func (s *shards) of(id string) (owned context.Context, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owned = s.owned[faas.ShardOf(id)]
	return owned, owned != nil && owned.Err() == nil
}

// owns reports whether this engine owns the shard that an id belongs to.
func (s *shards) owns(id string) bool {
	_, owned := s.of(id)
	return owned
}

// acquireParallel bounds how many requests for workers of one shard wait here at a time; those over
// it wait in the broker.
const acquireParallel = 1024

// own asks for the ownership of a shard until ctx ends.
func (e *Engine) own(ctx context.Context, shard int) (stop func(), err error) {
	return e.cfg.Broker.Own(ctx, faas.ShardName(shard), func(ctx context.Context) { e.hold(ctx, shard) })
}

// hold serves the requests for workers of the shard's functions while this engine owns it. The
// loops that grow, shrink and repair look at what is owned.
func (e *Engine) hold(ctx context.Context, shard int) {
	stop, err := e.cfg.Broker.Serve(ctx, faas.MethodAcquireIn(shard), acquireParallel, e.serveAcquire)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Error("requests for workers cannot be served; the shard is given up", "shard", shard, "error", err)
		}
		return
	}
	e.shards.set(ctx, shard)
	e.log.Info("owns a shard", "shard", shard)
	e.repair.Soon()
	e.pools.TakenOver(shard)
	<-ctx.Done()
	e.shards.drop(shard)
	e.log.Info("owns a shard no longer", "shard", shard)
	// Who waits for a worker is answered at once; a worker that is being specialised is not waited
	// for.
	e.undo.Go("stop serving a shard", func(context.Context) { stop() })
}

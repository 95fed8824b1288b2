package engine

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
)

// acquireParallel bounds how many requests for workers of one shard wait here at a time; those over
// it wait in the broker.
const acquireParallel = 1024

// workersParallel bounds how many requests of administrators about workers of one shard are in hand.
const workersParallel = 16

// hold does what the owner of a shard does: it serves the requests for workers of the shard's
// functions, and adds up what its projects run. The loops that grow, shrink and repair, and the
// work that is due, look at what is owned.
func (e *Engine) hold(ctx context.Context, o faas.Ownership) {
	stop, err := e.cfg.Broker.Serve(ctx, faas.MethodAcquireIn(o.Shard), acquireParallel, e.serveAcquire)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Error("requests for workers cannot be served; the shard is given up", "shard", o.Shard, "error", err)
		}
		return
	}
	stopWorkers, err := e.cfg.Broker.Serve(ctx, faas.MethodWorkersIn(o.Shard), workersParallel, e.serveWorkers)
	if err != nil {
		stopWorkers = func() {}
		if ctx.Err() == nil {
			e.log.Error("requests of administrators about workers cannot be served", "shard", o.Shard, "error", err)
		}
	}
	stopSums := e.addUp(ctx, o.Shard)
	stopWaiting, err := e.cfg.Broker.Subscribe(ctx, faas.TopicWorkersAwaited(o.Shard), e.pools.HearWaiting)
	if err != nil {
		stopWaiting = func() {}
		if ctx.Err() == nil {
			e.log.Warn("who waits for workers of a shard's runtimes is not heard", "shard", o.Shard, "error", err)
		}
	}
	e.repair.Soon()
	e.pools.TakenOver(o.Shard)
	e.due.TakenOver(ctx, o)
	<-ctx.Done()
	// Who waits for a worker is answered at once; a worker that is being specialised is not waited
	// for.
	e.undo.Go("stop serving a shard", func(context.Context) {
		stop()
		stopWorkers()
		stopSums()
		stopWaiting()
	})
}

// addUp hears what the processes count of a shard's projects. Without it each process goes by its
// own counts.
func (e *Engine) addUp(ctx context.Context, shard int) (stop func()) {
	if e.cfg.Sums == nil {
		return func() {}
	}
	e.cfg.Sums.Own(shard)
	context.AfterFunc(ctx, func() { e.cfg.Sums.Drop(shard) })
	stop, err := e.cfg.Broker.Subscribe(
		ctx,
		faas.TopicCallsCounted(shard),
		func(body []byte) { e.cfg.Sums.Hear(shard, body) },
	)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Warn("the running executions of a shard's projects cannot be added up", "shard", shard, "error", err)
		}
		return func() {}
	}
	return stop
}

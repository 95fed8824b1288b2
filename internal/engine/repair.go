package engine

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

const (
	// repairPause is the time between two looks at generic workers.
	repairPause = time.Minute
	// repairGrace is how long an engine that has specialised a worker has to say so before others look whose it is.
	repairGrace = 3 * time.Second
	// adoptTimeout bounds how long telling the orchestrator of one such worker may take; the next look tries again.
	adoptTimeout = time.Minute
)

// repair finds the workers that look generic and are a function's: their engine died between specialising one and telling the orchestrator.
func (e *Engine) repair(ctx context.Context) {
	for {
		waiting, cancel := context.WithTimeout(ctx, repairPause)
		select {
		case <-e.tookOver:
			sleep(ctx, repairGrace)
		case <-waiting.Done():
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		e.repairOnce(ctx)
	}
}

func (e *Engine) repairOnce(ctx context.Context) {
	var generic []faas.Worker
	for _, w := range e.cfg.Orchestrator.Workers() {
		if w.Generic() && w.Ready && !e.claims.holds(w.ID) {
			generic = append(generic, w)
		}
	}
	for _, t := range e.ask(ctx, generic) {
		if t.status.State == faas.WorkerSpecialised && e.shards.owns(t.status.Key.FunctionID) {
			e.adopt(ctx, t)
		}
	}
}

// adopt tells the orchestrator whose a worker is. One that serves what is no more, or is no more as it was, ends when it is idle.
func (e *Engine) adopt(ctx context.Context, t told) {
	key := t.status.Key
	target, err := e.cfg.Store.Target(ctx, key)
	switch kind := faas.KindOf(err); {
	case kind == faas.NotFound || kind == faas.Outdated:
		e.endIfIdle(ctx, t.Worker, 0)
		return
	case err != nil:
		return // the next look tries again
	case !e.claims.reserve(t.ID, target):
		return
	}
	e.log.Warn("found a worker whose engine died before it could say whose it is", "worker", t.ID, "function_id", key.FunctionID)
	e.claims.specialised(t.ID)
	w := t.Worker
	w.Key, w.ProjectID = key, target.ProjectID
	ctx, cancel := context.WithTimeout(ctx, adoptTimeout)
	defer cancel()
	e.claimed(ctx, w, orchestrator.Claim{Target: target, Footprint: t.status.Footprint})
	e.place.serve()
}

// sweepPause is the time between two looks for what was left behind. News of each change go out as it happens; they may be lost.
const sweepPause = time.Minute

// sweep ends the workers of functions and runtimes that are no more, and of older revisions.
func (e *Engine) sweep(ctx context.Context) {
	every(ctx, sweepPause, func(ctx context.Context) { e.sweepOnce(ctx) })
}

func (e *Engine) sweepOnce(ctx context.Context) {
	current := e.currentKeys(ctx)
	gone := e.goneRuntimes(ctx)
	pools := map[string]bool{}
	workers := e.workers()
	e.memories.keep(workers)
	for _, w := range workers {
		switch {
		case w.Generic():
			pools[w.RuntimeID] = true
		case e.shards.owns(w.Key.FunctionID) && w.Ready && (w.RuntimeID != "" && gone(w.RuntimeID) || !current(w.Key)):
			e.endIfIdle(ctx, w, 0)
		}
	}
	for id := range pools {
		if !e.shards.owns(id) || !gone(id) {
			continue
		}
		if err := e.deletePool(ctx, id); err != nil {
			e.log.Warn("the pool of a deleted runtime could not be ended", "runtime_id", id, "error", err)
		}
	}
}

// currentKeys gives what tells whether a key is what its function is now. What cannot be looked up counts as such.
func (e *Engine) currentKeys(ctx context.Context) func(faas.Key) bool {
	known := map[string]faas.Key{}
	return func(key faas.Key) bool {
		now, looked := known[key.FunctionID]
		if !looked {
			f, err := e.cfg.Store.Function(ctx, faas.AnyProject(), key.FunctionID)
			switch {
			case err == nil:
				now = f.Target().Key
			case faas.KindOf(err) != faas.NotFound:
				now = key
			}
			known[key.FunctionID] = now
		}
		return now.FunctionID != "" && (key.Version != 0 || key == now)
	}
}

// goneRuntimes gives what tells whether a runtime is no more.
func (e *Engine) goneRuntimes(ctx context.Context) func(id string) bool {
	known := map[string]bool{"": false} // the workers of images have no runtime
	return func(id string) bool {
		gone, looked := known[id]
		if !looked {
			_, err := e.cfg.Store.Runtime(ctx, faas.AnyProject(), id)
			gone = faas.KindOf(err) == faas.NotFound
			known[id] = gone
		}
		return gone
	}
}

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// goneAtOnce is how many workers may end while the broker is being told of others; those over it are not told of.
const goneAtOnce = 1024

// watchWorkers lets those who wait for workers look again when something changes, and tells everyone of workers that ended.
func (e *Engine) watchWorkers(ctx context.Context) {
	gone := make(chan string, goneAtOnce)
	var telling sync.WaitGroup
	defer telling.Wait()
	defer close(gone)
	telling.Go(func() { e.tellGone(ctx, gone) })
	for ev := range e.cfg.Orchestrator.Events(ctx) {
		e.place.serve()
		if ev.Kind != orchestrator.Gone {
			continue
		}
		e.log.Info("a worker ended", "worker", ev.Worker.ID, "function_id", ev.Worker.Key.FunctionID, "reason", ev.Reason)
		e.dispatch.Forget(ev.Worker.ID)
		e.client.Forget(ev.Worker)
		select {
		case gone <- ev.Worker.ID:
		default: // the broker is away: who calls the worker finds out
		}
	}
}

// tellGone broadcasts the ends of workers, those together that came together.
func (e *Engine) tellGone(ctx context.Context, gone <-chan string) {
	for id := range gone {
		news := faas.WorkersGone{IDs: []string{id}}
		for range len(gone) {
			news.IDs = append(news.IDs, <-gone)
		}
		if err := e.broadcastGone(ctx, news); err != nil && ctx.Err() == nil {
			e.log.Warn("the end of workers could not be broadcast", "workers", len(news.IDs), "error", err)
		}
	}
}

func (e *Engine) broadcastGone(ctx context.Context, news faas.WorkersGone) error {
	body, err := json.Marshal(news)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, publishPatience)
	defer cancel()
	return e.cfg.Broker.Broadcast(ctx, faas.TopicWorkersGone, body)
}

const (
	idleLooks    = 4                // how often within the idle time idleness is looked at
	minIdlePause = time.Second      // but no oftener than this
	maxIdlePause = 30 * time.Second // nor more seldom
	idleParallel = 8
)

// endIdle ends workers that had no call for the idle time. The agent itself decides, so that no call slips in between.
func (e *Engine) endIdle(ctx context.Context) {
	pause := min(max(e.cfg.Limits.Idle/idleLooks, minIdlePause), maxIdlePause)
	every(ctx, pause, func(ctx context.Context) { e.endIdleOnce(ctx) })
}

func (e *Engine) endIdleOnce(ctx context.Context) {
	var g errgroup.Group
	g.SetLimit(idleParallel)
	for _, w := range e.workers() {
		if w.Generic() || !w.Ready || !e.shards.owns(w.Key.FunctionID) {
			continue
		}
		g.Go(func() error {
			e.endIfIdle(ctx, w, e.cfg.Limits.Idle)
			return nil
		})
	}
	_ = g.Wait() // no task returns an error: each logs its own
}

// endIfIdle ends the worker if it has been idle so long; it returns false while it runs calls. One that does not answer is
// left alone: whether it lives is the orchestrator's to find out, and it may be running calls behind a cut network.
func (e *Engine) endIfIdle(ctx context.Context, w faas.Worker, idle time.Duration) bool {
	err := e.client.Drain(ctx, w, idle)
	var refused *dispatch.RefusedError
	if errors.As(err, &refused) && refused.Refused == faas.RefusedBusy {
		return false
	}
	if err != nil {
		e.log.Info("a worker does not answer whether it is idle", "worker", w.ID, "error", err)
		return false
	}
	e.claims.drained(w.ID)
	e.discard(ctx, w)
	return true
}

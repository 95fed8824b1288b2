package engine

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	samplesPerShort = 3                     // how often within the panic window workers are asked
	minSamplePause  = 10 * time.Millisecond // but no oftener than this
	maxSamplePause  = 2 * time.Second       // nor more seldom
	servePause      = 500 * time.Millisecond
)

// watchLine looks again who can be served: events may be lost, and what other engines did is not among them.
func (e *Engine) watchLine(ctx context.Context) {
	every(ctx, servePause, func(context.Context) { e.place.serve() })
}

// watchDemand asks the workers of functions that have several how much they do, and ends those that are not needed.
func (e *Engine) watchDemand(ctx context.Context) {
	pause := min(max(e.demand.short()/samplesPerShort, minSamplePause), maxSamplePause)
	every(ctx, pause, func(ctx context.Context) { e.watchDemandOnce(ctx) })
}

func (e *Engine) watchDemandOnce(ctx context.Context) {
	own := map[faas.Key][]faas.Worker{}
	var asked []faas.Worker
	for _, w := range e.workers() {
		if w.Ready && !w.Generic() && e.shards.owns(w.Key.FunctionID) {
			own[w.Key] = append(own[w.Key], w)
		}
	}
	now := e.now()
	for key, workers := range own {
		if len(workers) > 1 {
			asked = append(asked, workers...)
			continue
		}
		e.demand.unwatched(key, now)
	}
	heard := map[faas.Key][]told{}
	for _, t := range e.ask(ctx, asked) {
		heard[t.Key] = append(heard[t.Key], t)
	}
	for key, workers := range heard {
		e.shrink(ctx, key, len(own[key]), workers)
	}
	e.demand.tidy(now)
}

// shrink takes in what a function's workers told and ends those that its demand has not needed for a while, of those that are idle.
func (e *Engine) shrink(ctx context.Context, key faas.Key, workers int, heard []told) {
	busy := 0
	for _, t := range heard {
		busy += t.status.Busy
	}
	n := e.demand.sampled(key, busy, workers, slotsOf(heard[0].Worker), e.cfg.Limits.PerFunction, e.now())
	surplus := workers - n.wanted()
	for _, w := range idleFirst(heard, e.demand.short()) {
		if surplus <= 0 {
			return
		}
		if e.endIfIdle(ctx, w, e.demand.short()) {
			surplus--
			e.log.Info("ended a worker that was not needed", "worker", w.ID, "function_id", key.FunctionID)
		}
	}
}

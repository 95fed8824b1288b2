package engine

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/openstack-faas/faas/internal/faas"
)

func (e *Engine) serveAcquire(ctx context.Context, request json.RawMessage) (any, error) {
	var req faas.AcquireRequest
	if err := json.Unmarshal(request, &req); err != nil {
		return nil, faas.Errorf(faas.Invalid, "The request for a worker is malformed.").WithCause(err)
	}
	return e.acquire(ctx, req.Target, req.Known)
}

// acquire finds a worker for the target that the caller does not know: one that serves it already, else a generic one, waiting
// for the pool while ctx lasts. Errors of kind Busy (no room) and Unavailable (no pool) may pass.
func (e *Engine) acquire(ctx context.Context, target faas.Target, known []string) (faas.Worker, error) {
	// Listen before looking, so that no worker becomes ready unnoticed in between.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := e.cfg.Orchestrator.Events(ctx)
	for {
		w, found, err := e.tryAcquire(ctx, target, known)
		if found || err != nil {
			return w, err
		}
		if _, open := <-events; !open {
			return faas.Worker{}, faas.Errorf(faas.Unavailable, "The runtime has no warm worker left and none became ready in time.")
		}
	}
}

// tryAcquire looks once; found is false when only a wait can help.
func (e *Engine) tryAcquire(ctx context.Context, target faas.Target, known []string) (w faas.Worker, found bool, err error) {
	workers := e.claims.overlay(e.cfg.Orchestrator.Workers())
	own, claimed := 0, 0
	for _, w := range workers {
		if w.Generic() {
			continue
		}
		claimed++
		if w.Key != target.Key {
			continue
		}
		if own++; w.Ready && !slices.Contains(known, w.ID) {
			return w, true, nil
		}
	}
	if own >= e.cfg.Limits.PerFunction {
		return faas.Worker{}, false, faas.Errorf(faas.Busy, "The function has as many workers as it may have (%d).", e.cfg.Limits.PerFunction)
	}
	if claimed >= e.cfg.Limits.Workers {
		return faas.Worker{}, false, faas.Errorf(faas.Busy, "All workers of the service are in use (%d).", e.cfg.Limits.Workers)
	}
	for _, w := range workers {
		if !w.Generic() || !w.Ready || w.RuntimeID != target.RuntimeID || !e.claims.reserve(w.ID, target.Key) {
			continue
		}
		w, found, err := e.specialise(ctx, w, target)
		if found || err != nil {
			return w, found, err
		}
	}
	return faas.Worker{}, false, nil
}

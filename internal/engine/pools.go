package engine

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// bringUpPools starts the pool of every runtime there is, each on its own: one that fails keeps none waiting.
func (e *Engine) bringUpPools(ctx context.Context) {
	runtimes, err := e.cfg.Store.Runtimes(ctx, faas.AnyProject(), faas.Query{})
	if err != nil {
		e.log.Error("the runtimes cannot be read; their pools start when each is next changed", "error", err)
		return
	}
	for _, r := range runtimes {
		e.claims.tasks.Go(func() {
			if err := e.setPool(ctx, r); err != nil && ctx.Err() == nil {
				e.log.Error("a runtime's state cannot be recorded", "runtime_id", r.ID, "error", err)
			}
		})
	}
}

// reconcileRuntime brings one runtime's pool to what its row says.
func (e *Engine) reconcileRuntime(ctx context.Context, body []byte) error {
	var req faas.RuntimeRequest
	if err := json.Unmarshal(body, &req); err != nil {
		e.log.Error("a message about a runtime is malformed; it is dropped", "error", err)
		return nil
	}
	r, err := e.cfg.Store.Runtime(ctx, faas.AnyProject(), req.RuntimeID)
	if faas.KindOf(err) == faas.NotFound {
		return e.cfg.Orchestrator.DeletePool(ctx, req.RuntimeID)
	}
	if err != nil {
		return err
	}
	return e.setPool(ctx, r)
}

// setPool makes the pool and records how that went: available, or error with the orchestrator's reason.
func (e *Engine) setPool(ctx context.Context, r faas.Runtime) error {
	err := e.cfg.Orchestrator.SetPool(ctx, orchestrator.Pool{
		RuntimeID: r.ID, Image: r.Image, Trusted: r.Trusted, Size: e.cfg.Limits.PoolSize,
	})
	if ctx.Err() != nil {
		return ctx.Err() // stopping: nothing is known about the pool
	}
	status, reason := faas.RuntimeAvailable, ""
	if err != nil {
		status, reason = faas.RuntimeError, reasonOf(err)
		e.log.Error("a runtime has no pool", "runtime_id", r.ID, "image", r.Image, "error", err)
	}
	if r.Status == status && r.StatusReason == reason {
		return nil
	}
	return e.cfg.Store.SetRuntimeStatus(ctx, r.ID, status, reason)
}

// reasonOf gives the words of an error that are meant for people outside.
func reasonOf(err error) string {
	var f *faas.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return err.Error()
}

func (e *Engine) servePool(_ context.Context, request json.RawMessage) (any, error) {
	var req faas.RuntimeRequest
	if err := json.Unmarshal(request, &req); err != nil {
		return nil, faas.Errorf(faas.Invalid, "The request for a pool is malformed.").WithCause(err)
	}
	var pool faas.Pool
	for _, w := range e.claims.overlay(e.cfg.Orchestrator.Workers()) {
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

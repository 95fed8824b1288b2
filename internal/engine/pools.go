package engine

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// reconcileRuntime brings one runtime's pool to what its row says.
func (e *Engine) reconcileRuntime(ctx context.Context, body []byte) error {
	var req faas.RuntimeRequest
	if err := json.Unmarshal(body, &req); err != nil {
		e.log.Error("a message about a runtime is malformed; it is dropped", "error", err)
		return nil
	}
	r, err := e.cfg.Store.Runtime(ctx, faas.AnyProject(), req.RuntimeID)
	if faas.KindOf(err) == faas.NotFound {
		return e.deletePool(ctx, req.RuntimeID)
	}
	if err != nil {
		return err
	}
	return e.setPool(ctx, r)
}

// setPool makes the pool and records how that went: available, or error with the orchestrator's reason.
func (e *Engine) setPool(ctx context.Context, r faas.Runtime) error {
	size := e.poolSizes()(r.ID)
	err := e.cfg.Orchestrator.SetPool(ctx, poolOf(r, size))
	if ctx.Err() != nil {
		return ctx.Err() // stopping: nothing is known about the pool
	}
	if err == nil {
		e.pools.set(r.ID, size)
	}
	var back *orchestrator.WentBackError
	if errors.As(err, &back) {
		e.log.Warn("a runtime keeps its old image", "runtime_id", r.ID, "image", r.Image, "error", err)
		return e.cfg.Store.RevertRuntime(ctx, r.ID, r.Image, back.Image, back.Error())
	}
	if err != nil && r.Status == faas.RuntimeAvailable { // what failed is setting again what was there: that says nothing about the runtime
		e.log.Warn("a runtime's pool could not be set again", "runtime_id", r.ID, "size", size, "error", err)
		e.pools.set(r.ID, size)
		return nil
	}
	if r.Status == faas.RuntimeError && e.changed(ctx, r) {
		return nil
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

// changed tells whether a runtime is not any more what it was when it was read: then what became of its pool is not to be recorded.
func (e *Engine) changed(ctx context.Context, was faas.Runtime) bool {
	now, err := e.cfg.Store.Runtime(ctx, faas.AnyProject(), was.ID)
	return err != nil || now.Image != was.Image || now.Status != was.Status
}

// retryPools tries again the pools of this engine's runtimes that are in error: what kept them from being made may have passed.
func (e *Engine) retryPools(ctx context.Context) {
	runtimes, err := e.cfg.Store.Runtimes(ctx, faas.AnyProject(), faas.Query{})
	if err != nil {
		if ctx.Err() == nil {
			e.log.Warn("the runtimes cannot be read", "error", err)
		}
		return
	}
	for _, r := range runtimes {
		if r.Status != faas.RuntimeError || !e.shards.owns(r.ID) || !e.pools.try(r.ID) {
			continue
		}
		e.pools.tasks.Go(func() {
			defer e.pools.end(r.ID)
			if err := e.setPool(ctx, r); err != nil && ctx.Err() == nil {
				e.log.Error("a runtime's state cannot be recorded", "runtime_id", r.ID, "error", err)
			}
		})
	}
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
	for _, w := range e.workers() {
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

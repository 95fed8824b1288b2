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

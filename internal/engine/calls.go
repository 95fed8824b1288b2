package engine

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/placement"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tracing"
)

// call runs a call where its target's code runs: in a container of its own, or on a worker.
func (e *Engine) call(
	ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin,
) (faas.Outcome, error) {
	return dispatch.ByProtocol(e.dispatch.Call, e.images.Run)(ctx, target, call, begin)
}

// serveAcquire answers a caller in another process that wants a worker.
func (e *Engine) serveAcquire(ctx context.Context, request json.RawMessage) (any, error) {
	var req faas.AcquireRequest
	if err := json.Unmarshal(request, &req); err != nil {
		return nil, faas.Errorf(faas.Invalid, "The request for a worker is malformed.").WithCause(err)
	}
	owned, ok := e.shards.Of(req.Target.Key.FunctionID)
	if !ok {
		return nil, placement.ErrNotOwner()
	}
	ctx, span := tracing.StartServer(ctx, "find a worker")
	span.Set("faas.function_id", req.Target.Key.FunctionID)
	w, err := e.place(ctx, owned, req)
	span.Set("faas.worker_id", w.ID)
	span.End(err)
	return w, err
}

// serveWorkers answers what an administrator asks of a function's workers.
func (e *Engine) serveWorkers(ctx context.Context, request json.RawMessage) (any, error) {
	var req faas.WorkersRequest
	if err := json.Unmarshal(request, &req); err != nil {
		return nil, faas.Errorf(faas.Invalid, "The request about workers is malformed.").WithCause(err)
	}
	if !e.shards.Owns(req.FunctionID) {
		return nil, placement.ErrNotOwner()
	}
	return e.manual.Do(ctx, req)
}

// place finds a worker for a function of a shard that this engine owns. Those that did not answer
// the caller are probed meanwhile.
func (e *Engine) place(ctx, owned context.Context, req faas.AcquireRequest) (faas.Worker, error) {
	for _, id := range req.Silent {
		w, ok := e.fleet.Index.FindOwn(req.Target.Key, func(w faas.Worker) bool { return w.ID == id })
		if ok {
			e.prober.Suspect(w)
		}
	}
	return e.placement.Acquire(ctx, owned, req)
}

// acquire finds a worker for this engine's own calls: by itself when it owns the function's shard,
// else by the engine that does.
func (e *Engine) acquire(ctx context.Context, req faas.AcquireRequest) (faas.Worker, error) {
	if owned, ok := e.shards.Of(req.Target.Key.FunctionID); ok {
		return e.place(ctx, owned, req)
	}
	var w faas.Worker
	err := e.cfg.Broker.Call(ctx, req.Method(e.shards.Shards()), req, &w)
	if errors.Is(err, broker.ErrClosed) {
		err = faas.Errorf(faas.Unavailable, "This engine is stopping.").WithCause(err)
	}
	return w, err
}

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
)

func (e *Engine) serveAcquire(ctx context.Context, request json.RawMessage) (any, error) {
	var req faas.AcquireRequest
	if err := json.Unmarshal(request, &req); err != nil {
		return nil, faas.Errorf(faas.Invalid, "The request for a worker is malformed.").WithCause(err)
	}
	owned, ok := e.shards.of(req.Target.Key.FunctionID)
	if !ok {
		return nil, errDisowned()
	}
	return e.grant(ctx, owned, req)
}

// acquire finds a worker for this engine's own calls: by itself when it owns the function's shard, else by the engine that does.
func (e *Engine) acquire(ctx context.Context, req faas.AcquireRequest) (faas.Worker, error) {
	if owned, ok := e.shards.of(req.Target.Key.FunctionID); ok {
		return e.grant(ctx, owned, req)
	}
	var w faas.Worker
	err := e.cfg.Broker.Call(ctx, req.Method(), req, &w)
	if errors.Is(err, broker.ErrClosed) {
		err = faas.Errorf(faas.Unavailable, "This engine is stopping.").WithCause(err)
	}
	return w, err
}

func errDisowned() error {
	return faas.Errorf(faas.Unavailable, "Another engine owns the function now.")
}

const (
	// standAtMost is how long a request without a deadline stands in line.
	standAtMost = 5 * time.Second
	// answerMargin is how long before its deadline a request is told that there is no room, so that it hears.
	answerMargin = 100 * time.Millisecond
)

// grant finds a worker for the target that the caller does not know: one that serves it already, else a generic one for which it waits
// in line. Errors of kind Busy (no room) and Unavailable (no pool, or the shard was lost) may pass.
func (e *Engine) grant(ctx, owned context.Context, req faas.AcquireRequest) (faas.Worker, error) {
	now := e.now()
	e.demand.reported(req, now)
	late := time.NewTimer(patienceOf(ctx))
	defer late.Stop()
	if err := e.prepare(ctx, req.Target, late.C); err != nil {
		return faas.Worker{}, err
	}
	t := newTicket(req, now)
	var err error
	if t.memory, err = e.memoryLimit(ctx, req.Target); err != nil {
		return faas.Worker{}, err
	}
	if !e.place.join(t) {
		return faas.Worker{}, busy("The project has too many requests for workers waiting.")
	}
	defer e.place.leave(t)
	for {
		select {
		case g := <-t.got:
			if g.found || g.err != nil {
				return g.worker, g.err
			}
			w, found, err := e.specialise(ctx, g.worker, req.Target)
			if found || err != nil {
				e.place.serve() // others may have waited for it, or for what it left
				return w, err
			}
			e.place.join(t)
		case <-owned.Done():
			return faas.Worker{}, errDisowned()
		case <-late.C:
			return faas.Worker{}, e.noRoom(ctx, t)
		case <-ctx.Done():
			return faas.Worker{}, e.noRoom(ctx, t)
		}
	}
}

func patienceOf(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return standAtMost
	}
	left := time.Until(deadline)
	return max(left-min(answerMargin, left/4), 0)
}

// noRoom says why no worker was had in time: the project may have no more, the runtime is broken, or all that there are were taken.
func (e *Engine) noRoom(ctx context.Context, t *ticket) error {
	if over := e.scene().overMemory(t); over != nil {
		over.Kind, over.RetryAfter = faas.Busy, retryAfter
		return over
	}
	target := t.ask.target
	if r, err := e.cfg.Store.Runtime(ctx, faas.AnyProject(), target.RuntimeID); err == nil && r.Status == faas.RuntimeError {
		return faas.Errorf(faas.Unavailable, "The function's runtime has no workers: %s", r.StatusReason)
	}
	return busy("No worker came free in time.")
}

// retryAfter is what a refused caller is told to wait.
const retryAfter = time.Second

func busy(format string, args ...any) error {
	e := faas.Errorf(faas.Busy, format, args...)
	e.RetryAfter = retryAfter
	return e
}

package engine

import (
	"context"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// specialiseTimeout bounds how long a package may take to be had. The caller may have left before.
const specialiseTimeout = 2 * time.Minute

// specialise makes a reserved generic worker the target's own. found is false when another was first or the worker is
// gone; an error is about the function's code.
func (e *Engine) specialise(ctx context.Context, w faas.Worker, target faas.Target) (_ faas.Worker, found bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), specialiseTimeout)
	defer cancel()
	zip, err := e.packages.get(ctx, target.SHA256)
	if err != nil {
		e.claims.release(w.ID)
		return faas.Worker{}, false, err
	}
	begun := e.now()
	spec := faas.Specialisation{Key: target.Key, Entry: target.Entry, SHA256: target.SHA256, MemorySize: target.MemorySize}
	status, err := e.client.Specialise(ctx, w, spec, zip)
	var refused *dispatch.RefusedError
	switch {
	case err == nil:
		e.log.Info("specialised a worker", "worker", w.ID, "function_id", target.Key.FunctionID, "took", e.now().Sub(begun))
		w.Key, w.ProjectID = target.Key, target.ProjectID
		e.claims.specialised(w.ID)
		claim := orchestrator.Claim{Target: target, Footprint: status.Footprint}
		e.claims.settle(func(ctx context.Context) { e.claimed(ctx, w, claim) })
		return w, true, nil
	case errors.As(err, &refused) && refused.Refused == faas.RefusedPackage:
		e.discard(ctx, w)
		return faas.Worker{}, false, faas.Errorf(faas.Invalid, "The function's package cannot be unpacked: %s", refused.Message)
	case errors.As(err, &refused) && refused.Refused == faas.RefusedClaimed:
		e.claims.claimedElsewhere(w.ID, e.now())
		e.tookOver.wake() // or its engine died before it could say whose the worker is
		return faas.Worker{}, false, nil
	case errors.As(err, &refused) && refused.Refused == faas.RefusedStarting:
		e.claims.claimedElsewhere(w.ID, e.now()) // not yet anybody's: left alone for a moment all the same
		return faas.Worker{}, false, nil
	case errors.As(err, &refused): // it answered: another would answer the same, and one function must not use up the pool
		e.log.Error("a worker could not be made a function's", "worker", w.ID, "function_id", target.Key.FunctionID, "error", err)
		e.discard(ctx, w)
		return faas.Worker{}, false, faas.Errorf(faas.Internal, "The function could not be put into a worker.").WithCause(err)
	default:
		e.log.Warn("a generic worker could not be specialised", "worker", w.ID, "error", err)
		e.discard(ctx, w)
		return faas.Worker{}, false, nil
	}
}

const (
	firstTellPause = 100 * time.Millisecond
	lastTellPause  = 5 * time.Second
)

// claimed tells the orchestrator whose the worker is now; the pool refills and the worker gets the function's own limits. While the
// orchestrator cannot be told it is tried again for as long as ctx lasts: the worker goes on meanwhile, within its pool's limits, and whoever repairs later
// finds whose it is. One whose limits the orchestrator refuses must not go on running somebody's code.
func (e *Engine) claimed(ctx context.Context, w faas.Worker, claim orchestrator.Claim) {
	for pause := firstTellPause; ; pause = min(2*pause, lastTellPause) {
		err := e.cfg.Orchestrator.Claimed(ctx, w.ID, claim)
		switch kind := faas.KindOf(err); {
		case err == nil:
			e.claims.told(w.ID)
			return
		case kind == faas.NotFound:
			e.claims.release(w.ID)
			return
		case kind == faas.Conflict:
			e.log.Error("a claimed worker's limits could not be set; it ends", "worker", w.ID, "error", err)
			e.discard(ctx, w)
			return
		case ctx.Err() != nil:
			e.log.Warn("the orchestrator could not be told of a claimed worker; whoever repairs does", "worker", w.ID, "error", err)
			e.claims.release(w.ID)
			return
		}
		e.log.Warn("a claimed worker's limits could not be set yet", "worker", w.ID, "error", err)
		sleep(ctx, pause)
	}
}

// discard ends a worker that is of no use. One that cannot be ended is nobody's to use while it is there.
func (e *Engine) discard(ctx context.Context, w faas.Worker) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	e.client.Forget(w)
	if err := e.cfg.Orchestrator.Remove(ctx, w.ID); err != nil {
		e.log.Error("a worker could not be removed", "worker", w.ID, "error", err)
		e.claims.drained(w.ID)
		return
	}
	e.claims.release(w.ID)
}

// removeTimeout bounds how long ending one worker may take.
const removeTimeout = 30 * time.Second

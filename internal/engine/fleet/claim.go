package fleet

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

const (
	firstClaimPause = 100 * time.Millisecond
	lastClaimPause  = 5 * time.Second
	// removeTimeout bounds how long ending one worker may take.
	removeTimeout = 30 * time.Second
)

// Prepare has the orchestrator set what must hold in a reserved generic worker from a function's
// first instruction. It reports whether the worker is still there: any other failure costs the
// function memory until its own limits are set, not its call.
func (f *Fleet) Prepare(ctx context.Context, w faas.Worker, target faas.Target) bool {
	err := f.cfg.Orchestrator.Prepare(ctx, w.ID, target)
	if faas.KindOf(err) == faas.NotFound {
		f.Release(w.ID)
		return false
	}
	if err != nil {
		f.log.Warn("a worker's limits could not be set before its function runs", "worker", w.ID, "error", err)
	}
	return true
}

// Claim says that a reserved worker was specialised: calls can be sent to it at once, and the
// orchestrator is told afterwards.
func (f *Fleet) Claim(w faas.Worker, claim orchestrator.Claim) {
	f.reservations.specialised(w.ID)
	f.claims.Go("tell the orchestrator of a claim", func(ctx context.Context) { f.tellOrchestrator(ctx, w, claim) })
}

// Adopt is Claim for a worker that an engine specialised which died before it could say so. It
// waits until the orchestrator was told, or until ctx ends: then the next look finds the worker
// again. It reports whether the worker was free to be adopted.
func (f *Fleet) Adopt(ctx context.Context, w faas.Worker, claim orchestrator.Claim) bool {
	if !f.reservations.reserve(w.ID, claim.Target) {
		return false
	}
	f.reservations.specialised(w.ID)
	f.tellOrchestrator(ctx, w, claim)
	return true
}

// tellOrchestrator tells the orchestrator whose the worker is now; the pool refills and the
// worker gets the function's own limits. While the orchestrator cannot be told it is tried again
// for as long as ctx lasts: the worker goes on meanwhile, within its pool's limits, and whoever
// repairs later finds whose it is. One whose limits the orchestrator refuses must not go on running
// somebody's code.
func (f *Fleet) tellOrchestrator(ctx context.Context, w faas.Worker, claim orchestrator.Claim) {
	for pause := firstClaimPause; ; pause = min(2*pause, lastClaimPause) {
		err := f.cfg.Orchestrator.Claimed(ctx, w.ID, claim)
		switch kind := faas.KindOf(err); {
		case err == nil:
			f.reservations.told(w.ID)
			return
		case kind == faas.NotFound: // it is gone: the orchestrator will show that soon
			f.workers.drain(w.ID)
			return
		case kind == faas.Conflict:
			f.log.Error("a claimed worker's limits could not be set; it ends", "worker", w.ID, "error", err)
			f.Discard(ctx, w)
			return
		case ctx.Err() != nil:
			f.log.Warn("the orchestrator could not be told of a claimed worker; whoever repairs does",
				"worker", w.ID, "error", err)
			f.reservations.release(w.ID)
			return
		}
		f.log.Warn("a claimed worker's limits could not be set yet", "worker", w.ID, "error", err)
		background.Sleep(ctx, pause)
	}
}

// Evict takes a worker that is dead out at once: it is not counted and not used any more. The
// function that it returns then removes it.
func (f *Fleet) Evict(w faas.Worker) (remove func(ctx context.Context)) {
	f.workers.drain(w.ID)
	return func(ctx context.Context) { f.Discard(ctx, w) }
}

// Retire takes a worker out at once, as Evict does, for a caller who ends it when its calls have
// ended.
func (f *Fleet) Retire(w faas.Worker) { f.workers.drain(w.ID) }

// Knows reports whether a worker is there, of use or not.
func (f *Fleet) Knows(workerID string) bool {
	f.workers.mu.Lock()
	defer f.workers.mu.Unlock()
	return f.workers.entries[workerID] != nil
}

// ReportSilent says that a worker did not answer a request.
func (f *Fleet) ReportSilent(w faas.Worker) { f.cfg.Silent(w) }

// Discard ends a worker that is of no use, even when ctx has ended. It is nobody's to use from now
// on, until the orchestrator shows that it is gone, even if it cannot be ended.
func (f *Fleet) Discard(ctx context.Context, w faas.Worker) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	f.workers.drain(w.ID)
	f.cfg.Client.Forget(w)
	if err := f.cfg.Orchestrator.Remove(ctx, w.ID); err != nil {
		f.log.Error("a worker could not be removed", "worker", w.ID, "error", err)
	}
}

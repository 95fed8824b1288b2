package placement

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// waitAtMost is how long a request without a deadline waits.
	waitAtMost = 5 * time.Second
	// answerMargin is how long before its deadline a request is answered that there is no room, so
	// that the answer arrives.
	answerMargin = 100 * time.Millisecond
)

// ErrNotOwner returns the error for a function whose shard this engine does not own. It may pass:
// the owner can be asked.
func ErrNotOwner() error {
	return faas.Errorf(faas.Unavailable, "Another engine owns the function's shard now; try again.")
}

// Acquire returns a worker for the target that the caller does not know: one that serves it
// already, else a generic one for which it waits in the queue until shortly before ctx's deadline.
// owned ends when the engine no longer owns the function's shard. Errors of kind Busy (no room) and
// Unavailable (no pool, or the shard was lost) may pass.
func (p *Placer) Acquire(ctx, owned context.Context, req faas.AcquireRequest) (faas.Worker, error) {
	now := p.cfg.Now()
	p.cfg.Demand.Report(req, now)
	late := time.NewTimer(timeoutOf(ctx))
	defer late.Stop()
	if err := p.cfg.Preparer.Prepare(ctx, req.Target, late.C); err != nil {
		return faas.Worker{}, err
	}
	r := newRequest(req, now)
	var err error
	if r.memory, err = p.memoryLimit(ctx, req.Target); err != nil {
		return faas.Worker{}, err
	}
	if !p.join(r) {
		return faas.Worker{}, busy("Too many requests for workers of the project are waiting, at most %d can; try again later.", requestsPerProject)
	}
	defer p.leave(r)
	for {
		select {
		case a := <-r.assigned:
			if a.serves || a.err != nil {
				return p.introduced(ctx, a.worker), a.err
			}
			if p.cfg.Takes != nil {
				p.cfg.Takes(ctx, p.cfg.Client.Resolved(a.worker))
			}
			w, serves, err := p.specialise(ctx, a.worker, req.Target)
			if serves || err != nil {
				p.Retry() // others may have waited for it, or for what it left
				return w, err
			}
			p.join(r)
		case <-owned.Done():
			return faas.Worker{}, ErrNotOwner()
		case <-late.C:
			return faas.Worker{}, p.noRoom(ctx, r)
		case <-ctx.Done():
			return faas.Worker{}, p.noRoom(ctx, r)
		}
	}
}

// introduced returns a worker as the caller may use it. One of a function's own image is nobody's
// whom an engine has spoken to yet. If that fails, the caller finds out by itself.
func (p *Placer) introduced(ctx context.Context, w faas.Worker) faas.Worker {
	if w.ID == "" {
		return w
	}
	if err := p.cfg.Client.Introduce(ctx, w); err != nil {
		p.log.Warn("a worker is not known by TLS", "worker", w.ID, "error", err)
	}
	return p.cfg.Client.Resolved(w)
}

// timeoutOf returns for how long a request may wait so that its caller hears the answer.
func timeoutOf(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return waitAtMost
	}
	left := time.Until(deadline)
	return max(left-min(answerMargin, left/4), 0)
}

// noRoom says why no worker was had in time: the project may have no more, the runtime is broken,
// no node takes its workers, or all that there are were taken.
func (p *Placer) noRoom(ctx context.Context, r *request) error {
	if over := p.overMemory(r); over != nil {
		over.Kind, over.RetryAfter = faas.Busy, retryAfter
		return over
	}
	rt, err := p.cfg.Runtimes.Runtime(ctx, faas.AnyProject(), r.target.RuntimeID)
	if err == nil && rt.Status == faas.RuntimeError {
		return faas.Errorf(faas.Unavailable, "The function's runtime has no workers: %s", rt.StatusReason)
	}
	if said := p.cfg.NoNode(r.target.RuntimeID); said != "" {
		e := faas.Errorf(faas.Unavailable, "The function's runtime has no free worker, and no node takes more: %s", said)
		e.RetryAfter = retryAfter
		return e
	}
	if p.index.Claimed() >= p.cfg.Workers {
		return busy("No worker came free in time; try again later.")
	}
	e := faas.Errorf(faas.Busy, "No worker was ready in time; new ones are being started, try again later.")
	e.RetryAfter = min(max(p.cfg.Fleet.StartTime(r.target.RuntimeID), retryAfter), maxRetryAfter)
	return e
}

const (
	// retryAfter is what a refused caller is told to wait for a worker to come free.
	retryAfter = time.Second
	// maxRetryAfter is the most that one is told to wait for a worker to start.
	maxRetryAfter = time.Minute
)

func busy(format string, args ...any) error {
	e := faas.Errorf(faas.Busy, format, args...)
	e.RetryAfter = retryAfter
	return e
}

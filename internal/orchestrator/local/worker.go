package local

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// phase is the stage of a worker's life. It only ever grows.
type phase int

const (
	phaseStarting phase = iota
	phaseReady
	phaseClaimed
)

// worker is one agent process with all that belongs to it. One goroutine, live, owns it from begin
// until gone is closed.
type worker struct {
	faas.Worker           // guarded by the roster's lock
	phase       phase     // guarded
	pool        *pool     // guarded; nil once it was claimed
	language    *language // never changes
	extra       bool      // it is beside its pool's size; never changes
	retiring    string    // guarded; why the pool wants to be rid of it, "" when it does not

	failuresBefore int // of its pool, when it began
	folder         folder
	uid            int           // of its processes; 0: the service's own user
	group          *cgroup.Group // nil where the host grants none
	warm           footprint     // set before it is ready

	ending chan struct{} // closed when it shall end
	once   sync.Once
	reason string        // set before ending is closed
	kept   chan struct{} // closed when retiring it found that it is claimed
	gone   chan struct{} // closed when nothing of it is left
}

// begin adds a worker to the pool, starts its goroutine and returns its id; the lock is held.
func (r *roster) begin(p *pool, extra bool) string {
	w := &worker{
		Worker: faas.Worker{ID: faas.NewID(), RuntimeID: p.runtimeID, Slots: r.cfg.Slots, StartedAt: r.cfg.Now()},
		pool:   p, extra: extra, language: p.language, failuresBefore: p.failures,
		ending: make(chan struct{}), kept: make(chan struct{}), gone: make(chan struct{}),
	}
	w.folder = folderOf(r.run, w.ID)
	w.Address = "unix:" + w.folder.socket()
	r.workers[w.ID] = w
	r.feed.Set(w.Worker)
	r.wait.Go(func() { r.live(w) })
	return w.ID
}

// end requests the worker's end and does not wait for it; the first reason counts.
func (w *worker) end(reason string) {
	w.once.Do(func() {
		w.reason = reason
		close(w.ending)
	})
}

func (w *worker) awaitGone(ctx context.Context) error {
	select {
	case <-w.gone:
		return nil
	case <-ctx.Done():
		return faas.Errorf(faas.Unavailable, "Worker %s did not end in time.", w.ID).WithCause(ctx.Err())
	}
}

var errEnding = errors.New("it was ended")

// live is the worker's whole life. It starts the agent, shows the worker as ready when it is warm
// and waits for its end, by request or by a crash. Then it takes the worker out of what others see,
// and only after that ends the processes and removes what is left: nobody may choose a worker that
// is being ended.
func (r *roster) live(w *worker) {
	process, err := r.start(w)
	if err == nil {
		r.announceReady(w)
		select {
		case <-w.ending:
		case <-process.exited:
			err = process.failure()
		}
	}
	r.forget(w, process, err)
	process.stop(w.group)
	r.clear(w)
	close(w.gone)
	r.mu.Lock()
	if w.pool != nil {
		w.pool.announce() // for those who wait for an old worker to be gone
	}
	r.mu.Unlock()
}

// start waits until it may start, and returns the agent's process once the worker is warm. A
// process that it returns with an error must still be stopped.
func (r *roster) start(w *worker) (*process, error) {
	select {
	case r.starting <- struct{}{}:
		defer func() { <-r.starting }()
	case <-w.ending:
		return nil, errEnding
	}
	process, err := r.launch(w)
	if err != nil {
		return process, err
	}
	deadline := time.NewTimer(r.cfg.StartTimeout)
	defer deadline.Stop()
	select {
	case <-process.announced.done:
		if err := process.announced.err; err != nil {
			return process, err
		}
	case <-process.exited:
		return process, process.failure()
	case <-w.ending:
		return process, errEnding
	case <-deadline.C:
		return process, fmt.Errorf("the runtime was not warm within %s%s", r.cfg.StartTimeout, process.said())
	}
	w.warm = r.limits.measure(w.group)
	return process, nil
}

func (r *roster) announceReady(w *worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.phase = phaseReady
	w.Ready = w.retiring == ""
	r.feed.Set(w.Worker)
	if w.pool != nil {
		w.pool.failures = 0
		w.pool.announce()
	}
	if w.Ready {
		r.events.Send(orchestrator.Event{Kind: orchestrator.Ready, Worker: w.Worker})
	}
}

// forget takes the worker out of what others see, with the reason of its end: err, if it ended by
// itself.
func (r *roster) forget(w *worker, process *process, err error) {
	asked := false
	select {
	case <-w.ending:
		asked = true
	default:
	}
	reason := w.endReason(asked, err)
	if !asked {
		r.log.Warn(
			"a worker ended by itself", "worker_id", w.ID, "runtime_id", w.RuntimeID, "reason", reason,
			"stderr", process.words(),
		)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.workers, w.ID)
	w.Ready = false
	r.feed.End(w.ID, reason)
	if p := w.pool; p != nil {
		p.lost(w)
		if !asked && r.cfg.Now().Sub(w.StartedAt) < provenAfter {
			p.failure(w, err)
		}
		p.announce()
	}
	r.events.Send(orchestrator.Event{Kind: orchestrator.Gone, Worker: w.Worker, Reason: reason})
}

func (w *worker) endReason(asked bool, err error) string {
	switch {
	case asked:
		return w.reason
	case err != nil:
		return err.Error()
	default:
		return "its agent ended"
	}
}

// retire ends a worker that was marked as retiring, unless it has just been claimed. The agent
// decides that, because the orchestrator learns of a claim late: a worker that has drained takes no
// call any more, and one that refuses to drain belongs to a function.
func (r *roster) retire(w *worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	reason := w.retiring
	if w.phase == phaseStarting {
		w.end(reason)
		return
	}
	r.wait.Go(func() {
		if r.agents.drain(r.ctx, w.ID, w.folder.socket()) {
			w.end(reason)
			return
		}
		r.keep(w)
	})
}

// keep lets a worker that refused to drain leave its pool alive.
func (r *roster) keep(w *worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := w.pool
	w.pool, w.retiring, w.Ready = nil, "", true
	r.feed.Set(w.Worker)
	close(w.kept)
	if p != nil {
		p.lost(w)
		p.announce()
	}
}

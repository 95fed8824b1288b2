// Package placement finds a worker for each request: one that serves the function already, else a
// generic one that it specialises. When there is none to be had, requests wait in a queue that is
// fair between projects.
package placement

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/demand"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/engine/preparation"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/fair"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/seal"
	"github.com/openstack-faas/faas/internal/store"
)

// Config is what a Placer needs. Every field but Quotas, Variables and Takes is required.
type Config struct {
	Functions   *store.FunctionStore
	Runtimes    *store.RuntimeStore
	Client      *dispatch.Client
	Fleet       *fleet.Fleet
	Demand      *demand.Demand
	Preparer    *preparation.Preparer
	Quotas      *quota.Quotas                 // what projects may have; nil: anything
	Variables   *seal.Variables               // opens functions' secrets; nil: functions that have some are not run
	Workers     int                           // workers of all functions together at most
	PerFunction int                           // workers of one function at most
	NoNode      func(runtimeID string) string // why the runtime's workers can be on no node, "" if they can
	// Unowned is called when a worker was found claimed that no engine may have told the orchestrator
	// of.
	Unowned func()
	Waits   func() // called when requests wait; it must not call the placer
	// Takes is called with the context of a request and the generic worker that it gets, before
	// that is made the function's own. It must not block.
	Takes func(ctx context.Context, w faas.Worker)
	Now   func() time.Time
	Log   *slog.Logger
}

// Placer brings requests and workers together. It is safe for concurrent use.
type Placer struct {
	cfg   Config
	log   *slog.Logger
	index fleet.Index
	// short wakes MakeRoom: all workers are in use and somebody waits who has less than a fair
	// share, or who has idle workers of its own.
	short background.Signal

	connected map[string]faas.Worker // by runtime, for Connect alone

	mu    sync.Mutex
	queue *fair.Queue[*request]
}

// requestsPerProject is how many requests for workers of one project may wait here.
const requestsPerProject = 256

// New returns a placer for which nobody waits.
func New(cfg Config) *Placer {
	return &Placer{
		cfg: cfg, log: cfg.Log, index: cfg.Fleet.Index, short: background.NewSignal(),
		queue: fair.NewQueue[*request](requestsPerProject),
	}
}

// request asks for a worker of the target that is not among the known.
type request struct {
	target   faas.Target
	known    map[string]bool
	since    time.Time       // since when a call has waited for what it asks for
	memory   int64           // bytes that the project's workers may have together; faas.Unlimited for any
	assigned chan assignment // has room for the one answer
}

// assignment answers a request. One that serves says that the worker is the target's already;
// otherwise it is generic and reserved for the request.
type assignment struct {
	worker faas.Worker
	serves bool
	err    error
}

func newRequest(r faas.AcquireRequest, now time.Time) *request {
	one := &request{
		target: r.Target, known: make(map[string]bool, len(r.Known)), since: now.Add(-max(r.Waited, 0)),
		memory: faas.Unlimited, assigned: make(chan assignment, 1),
	}
	for _, id := range r.Known {
		one.known[id] = true
	}
	return one
}

// ProjectID returns whose turn the request takes.
func (r *request) ProjectID() string { return r.target.ProjectID }

// WaitingSince returns since when a call has waited for what the request asks for.
func (r *request) WaitingSince() time.Time { return r.since }

// wantsServer reports whether no generic worker will do for the request.
func (r *request) wantsServer() bool { return r.target.Protocol == faas.ProtocolHTTP }

// join adds a request and serves whoever can be served; it reports whether the project might have
// one more.
func (p *Placer) join(r *request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.queue.Join(r) {
		return false
	}
	p.serve(r)
	return true
}

// Waiting returns how many requests wait.
func (p *Placer) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue.All())
}

// leave takes out a request that waits no longer, and returns what it was assigned meanwhile to the
// pool of free workers.
func (p *Placer) leave(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.Leave(r)
	select {
	case a := <-r.assigned:
		if a.err == nil && !a.serves {
			p.cfg.Fleet.Release(a.worker.ID)
			p.serve(p.queue.All()...)
		}
	default:
	}
}

// Retry looks who can be served now. It is called when workers have changed, and now and then:
// events may be lost, and what other engines did is not among them.
func (p *Placer) Retry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve(p.queue.All()...)
}

// serve answers those of the requests that can be answered at once, and then has those whose turn
// it is take generic workers while there are any. The lock is held.
func (p *Placer) serve(requests ...*request) {
	for _, r := range requests {
		if a, ok := p.atOnce(r); ok {
			p.queue.Leave(r)
			r.assigned <- a
		}
	}
	for p.mayClaim(requests) {
		r, ok := p.queue.Next(p.growsFor, p.index.HeldBy, p.share())
		if !ok {
			break
		}
		p.queue.Served(r)
		if r.wantsServer() {
			p.cfg.Fleet.StartServer(r.target)
			p.queue.Join(r) // it waits on, for whichever worker of the target is ready first
			continue
		}
		if w, ok := p.reserve(r); ok {
			r.assigned <- assignment{worker: w}
		} else {
			p.queue.Join(r) // the worker ended at the same moment
		}
	}
	if !p.queue.Empty() {
		p.cfg.Waits()
	}
	if p.index.Claimed() >= p.cfg.Workers && !p.queue.Empty() || len(p.outOfMemory()) > 0 || len(p.crowded()) > 0 {
		p.short.Wake()
	}
}

// mayClaim reports whether one of the requests may have another worker, as far as all workers go.
func (p *Placer) mayClaim(requests []*request) bool {
	if len(requests) == 0 || p.index.Claimed() >= p.cfg.Workers {
		return false
	}
	return p.index.AnyFree() || slices.ContainsFunc(requests, (*request).wantsServer)
}

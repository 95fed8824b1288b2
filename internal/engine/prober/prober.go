// Package prober finds out whether workers that did not answer are dead, and has those that are
// replaced. Kubernetes takes 40 seconds to call a node dead and five more minutes to end its pods;
// until then it shows them as they were.
package prober

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// attempts is how many probes in a row a worker must leave without an answer to be taken for
	// dead.
	attempts = 2
	// pause is the time between them: an agent may be in the middle of being started again.
	pause = 500 * time.Millisecond
	// parallel is how many workers are probed at a time.
	parallel = 64
)

// Config is what a Prober needs. Every field is required.
type Config struct {
	// Probe asks a worker for a sign of life; an error says that there was none, or, see
	// dispatch.GatewayAway, nothing of the worker.
	Probe   func(ctx context.Context, w faas.Worker) error
	Fleet   *fleet.Fleet
	Owns    func(functionID string) bool // reports whether the function is this engine's
	Evicted func()                       // called when a worker was taken out, so that others can take its place
	Group   *background.Group
	Log     *slog.Logger
}

// Prober probes workers. It is safe for concurrent use.
type Prober struct {
	cfg  Config
	room chan struct{} // holds a token for each probe under way

	mu    sync.Mutex
	under map[string]struct{} // ids of the workers that are being probed, or wait for that
}

// New returns a prober.
func New(cfg Config) *Prober {
	return &Prober{cfg: cfg, room: make(chan struct{}, parallel), under: map[string]struct{}{}}
}

// Suspect has workers probed that somebody got no answer from, and does not wait. A worker that
// leaves two probes without an answer, over new connections, is taken out of the fleet at once, so
// that it does not count against any maximum, and is then removed. After one worker of a node was
// found dead, the others of that node are probed, too: callers would find them one by one, seconds
// each.
//
// Workers of functions of other engines are left to those.
func (p *Prober) Suspect(workers ...faas.Worker) {
	for _, w := range workers {
		p.probeSoon(w, true)
	}
}

// probeSoon starts to probe a worker unless that is under way. spread says that its node's other
// workers are suspect if it is dead.
func (p *Prober) probeSoon(w faas.Worker, spread bool) {
	if !p.responsible(w) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, under := p.under[w.ID]; under {
		return
	}
	p.under[w.ID] = struct{}{}
	p.cfg.Group.Go("probe a worker", func(ctx context.Context) {
		defer func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.under, w.ID)
		}()
		select {
		case p.room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		dead := p.dead(ctx, w)
		<-p.room
		if dead {
			p.evict(ctx, w, spread)
		}
	})
}

// responsible reports whether this engine may end the worker. A generic one is nobody's.
func (p *Prober) responsible(w faas.Worker) bool { return w.Generic() || p.cfg.Owns(w.Key.FunctionID) }

// dead reports whether the worker does not answer. A shard may change hands meanwhile, and an
// engine that stops must not take its own end for the worker's.
func (p *Prober) dead(ctx context.Context, w faas.Worker) bool {
	for attempt := range attempts {
		if attempt > 0 {
			background.Sleep(ctx, pause)
		}
		err := p.cfg.Probe(ctx, w)
		if err == nil || ctx.Err() != nil || dispatch.GatewayAway(err) {
			return false
		}
		p.cfg.Log.Info("a worker left a probe without an answer", "worker", w.ID, "node", w.Node, "error", err)
	}
	return p.responsible(w)
}

func (p *Prober) evict(ctx context.Context, w faas.Worker, spread bool) {
	p.cfg.Log.Warn("a worker is dead and is replaced", "worker", w.ID, "node", w.Node, "function_id", w.Key.FunctionID)
	removed := p.cfg.Fleet.Evict(w)
	p.cfg.Evicted()
	if spread && w.Node != "" {
		for _, other := range p.cfg.Fleet.Workers() {
			if other.Node == w.Node {
				p.probeSoon(other, false)
			}
		}
	}
	removed(ctx)
}

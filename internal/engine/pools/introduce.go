package pools

import (
	"context"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
)

// maxIntroductions is how many workers are introduced at a time. Each asks Kubernetes once.
const maxIntroductions = 8

// introductions are those that are under way.
type introductions struct {
	mu    sync.Mutex
	of    map[string]bool // by worker
	tried map[string]bool // those that have failed or succeeded, and are still there
}

// begin reports whether the worker is to be introduced now. end is to be called after it.
func (i *introductions) begin(workerID string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.of) >= maxIntroductions || i.of[workerID] || i.tried[workerID] {
		return false
	}
	if i.of == nil {
		i.of, i.tried = map[string]bool{}, map[string]bool{}
	}
	i.of[workerID] = true
	return true
}

func (i *introductions) end(workerID string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.of, workerID)
	i.tried[workerID] = true
}

// keep forgets the workers that are not there any more.
func (i *introductions) keep(there map[string]bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for id := range i.tried {
		if !there[id] {
			delete(i.tried, id)
		}
	}
}

// introduceAll has the new workers of this engine's pools have certificates, so that no call waits
// for that. One for which it fails is introduced by whoever specialises it.
func (p *Pools) introduceAll() {
	there := map[string]bool{}
	for _, w := range p.cfg.Fleet.Workers() {
		if w.TLS == faas.TLSNever || !w.Generic() || !w.Ready || w.RuntimeID == "" || !p.cfg.Owns(w.RuntimeID) {
			continue
		}
		there[w.ID] = true
		if !p.meets.begin(w.ID) {
			continue
		}
		p.cfg.Group.Go("introduce a worker", func(ctx context.Context) {
			defer p.meets.end(w.ID)
			if err := p.cfg.Introduce(ctx, w); err != nil && ctx.Err() == nil {
				p.log.Warn("a worker could not be introduced", "worker", w.ID, "runtime_id", w.RuntimeID, "error", err)
			}
		})
	}
	p.meets.keep(there)
}

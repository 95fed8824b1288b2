package pools

import (
	"context"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
)

// broken are the runtimes that this engine has put in error: no worker of theirs came up in time.
// One may come up later, when the cluster has got a node for it or a registry is back. The zero
// value has none.
type broken struct {
	mu  sync.Mutex
	ids map[string]bool
}

// note records whether the runtime is one.
func (b *broken) note(runtimeID string, is bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !is {
		delete(b.ids, runtimeID)
		return
	}
	if b.ids == nil {
		b.ids = map[string]bool{}
	}
	b.ids[runtimeID] = true
}

// take reports whether the runtime is one, once.
func (b *broken) take(runtimeID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.ids[runtimeID]
	delete(b.ids, runtimeID)
	return was
}

// mend sets the pools of runtimes in error that have a worker after all: they are available again.
func (p *Pools) mend() {
	for _, w := range p.cfg.Fleet.Workers() {
		if !w.Generic() || !w.Ready || !p.cfg.Owns(w.RuntimeID) || !p.broken.take(w.RuntimeID) {
			continue
		}
		p.cfg.Group.Go("mend a pool", func(ctx context.Context) {
			r, err := p.cfg.Runtimes.Runtime(ctx, faas.AnyProject(), w.RuntimeID)
			if err == nil && r.Status == faas.RuntimeError {
				p.setInBackground(ctx, r)
			}
		})
	}
}

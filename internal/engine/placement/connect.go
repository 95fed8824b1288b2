package placement

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// ConnectInterval is the pause between two runs of Connect. It also keeps Connect out of the way of
// the first call of a function that has just got a worker.
const ConnectInterval = 250 * time.Millisecond

// Connect has a connection be there to the worker that each runtime's next cold start takes: to
// connect, by TLS, takes as long as to specialise it. Each is tried once, since a cold start
// connects by itself where there is none. Of the worker that was the next before no idle connection
// stays: with many engines, each worker would have some of engines that never call it.
func (p *Placer) Connect(ctx context.Context) {
	next := map[string]faas.Worker{} // by runtime
	for _, w := range p.index.FirstFree() {
		next[w.RuntimeID] = w
		if p.connected[w.RuntimeID].ID == w.ID {
			continue
		}
		if err := p.cfg.Client.Connect(ctx, w); err != nil {
			p.log.Debug("a generic worker could not be connected to in advance", "worker", w.ID, "error", err)
		}
	}
	for runtimeID, w := range p.connected {
		if next[runtimeID].ID != w.ID {
			p.cfg.Client.Forget(w)
		}
	}
	p.connected = next
}

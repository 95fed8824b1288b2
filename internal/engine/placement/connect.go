package placement

import (
	"context"
	"time"
)

// ConnectInterval is the pause between two runs of Connect. It also keeps Connect out of the way of
// the first call of a function that has just got a worker.
const ConnectInterval = 250 * time.Millisecond

// Connect has a connection be there to the worker that each runtime's next cold start takes: to
// connect, by TLS, takes as long as to specialise it. Each is tried once, since a cold start
// connects by itself where there is none.
func (p *Placer) Connect(ctx context.Context) {
	next := map[string]string{} // worker by runtime
	for _, w := range p.index.FirstFree() {
		next[w.RuntimeID] = w.ID
		if p.connected[w.RuntimeID] == w.ID {
			continue
		}
		if err := p.cfg.Client.Connect(ctx, w); err != nil {
			p.log.Debug("a generic worker could not be connected to in advance", "worker", w.ID, "error", err)
		}
	}
	p.connected = next
}

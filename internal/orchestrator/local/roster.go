package local

import (
	"context"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// roster is the workers and pools that there are.
type roster struct {
	*host

	languages *languages
	agents    *agentClient
	starting  chan struct{} // holds one token for each worker that starts now
	events    orchestrator.Fanout
	feed      orchestrator.Feed // of workers; every change of a worker is shown to it under mu

	stop context.CancelFunc
	ctx  context.Context // of the pools' loops
	wait sync.WaitGroup  // for pools' loops, workers and retirements

	mu      sync.Mutex
	closed  bool
	workers map[string]*worker
	pools   map[string]*pool
}

func newRoster(h *host, languages *languages) *roster {
	r := &roster{
		host: h, languages: languages, agents: newAgentClient(h.Token),
		starting: make(chan struct{}, h.cfg.StartsAtOnce),
		workers:  map[string]*worker{}, pools: map[string]*pool{},
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// pool returns the runtime's pool; it creates it and starts its loop if there is none.
func (r *roster) pool(runtimeID string) (*pool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed()
	}
	p := r.pools[runtimeID]
	if p == nil {
		p = newPool(r, runtimeID)
		r.pools[runtimeID] = p
		r.wait.Go(func() { p.loop() })
	}
	return p, nil
}

func errClosed() error { return faas.Errorf(faas.Unavailable, "The service is stopping.") }

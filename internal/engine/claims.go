package engine

import (
	"context"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// claims remembers which generic workers this engine has taken and the orchestrator does not know of yet. It only keeps
// engine's own requests from running into each other: between engines, the agent itself lets one win.
type claims struct {
	mu    sync.Mutex
	keys  map[string]faas.Key // by worker id
	tasks sync.WaitGroup
}

func (c *claims) init() { c.keys = map[string]faas.Key{} }

// reserve takes a worker for a key; false when it is taken.
func (c *claims) reserve(workerID string, key faas.Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.keys[workerID]; taken {
		return false
	}
	c.keys[workerID] = key
	return true
}

func (c *claims) release(workerID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keys, workerID)
}

// overlay marks the reserved among the workers as taken: they count as the key's own, and are not ready to be handed out.
func (c *claims) overlay(workers []faas.Worker) []faas.Worker {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range workers {
		if key, taken := c.keys[w.ID]; taken && w.Generic() {
			workers[i].Key, workers[i].Ready = key, false
		}
	}
	return workers
}

// settleTimeout bounds how long telling the orchestrator of a claim may take.
const settleTimeout = time.Minute

// settle runs a task off the path of the call that caused it; wait waits for it.
func (c *claims) settle(task func(ctx context.Context)) {
	c.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
		defer cancel()
		task(ctx)
	})
}

func (c *claims) wait() { c.tasks.Wait() }

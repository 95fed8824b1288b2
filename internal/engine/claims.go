package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// claims remembers which generic workers this engine has taken and the orchestrator does not show as such yet. It only keeps
// engine's own requests from running into each other: between engines, the agent itself lets one win.
type claims struct {
	mu    sync.Mutex
	taken map[string]*claim    // by worker id
	lost  map[string]time.Time // workers that others have claimed, and when that was found
	ended map[string]struct{}  // workers that take no more calls and are about to be gone
	tasks sync.WaitGroup
	ctx   context.Context // of what the orchestrator is told
	stop  context.CancelFunc
}

// claim is one worker that was taken.
type claim struct {
	key     faas.Key
	project string
	ready   bool // it was specialised: calls can be sent to it
	told    bool // the orchestrator was told
}

func (c *claims) init() {
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.taken, c.lost, c.ended = map[string]*claim{}, map[string]time.Time{}, map[string]struct{}{}
}

// reserve takes a worker for a target; false when it is taken.
func (c *claims) reserve(workerID string, target faas.Target) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken[workerID] != nil {
		return false
	}
	c.taken[workerID] = &claim{key: target.Key, project: target.ProjectID}
	return true
}

// holds tells whether this engine has taken a worker.
func (c *claims) holds(workerID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken[workerID] != nil
}

// specialised says that a reserved worker takes calls.
func (c *claims) specialised(workerID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.taken[workerID]; one != nil {
		one.ready = true
	}
}

// told says that the orchestrator knows of the claim. It is remembered until the orchestrator shows it, too.
func (c *claims) told(workerID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.taken[workerID]; one != nil {
		one.told = true
	}
}

func (c *claims) release(workerID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.taken, workerID)
}

// lostFor is how long a worker that another has claimed is left alone: by then the orchestrator shows whose it is.
const lostFor = 5 * time.Second

// claimedElsewhere gives a worker back that another engine has claimed.
func (c *claims) claimedElsewhere(workerID string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.taken, workerID)
	c.lost[workerID] = now
}

// drained says that a worker takes no more calls.
func (c *claims) drained(workerID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended[workerID] = struct{}{}
}

// present leaves out the workers that take no more calls.
func (c *claims) present(workers []faas.Worker) []faas.Worker {
	c.mu.Lock()
	defer c.mu.Unlock()
	ending := make(map[string]struct{}, len(c.ended))
	workers = slices.DeleteFunc(workers, func(w faas.Worker) bool {
		_, ended := c.ended[w.ID]
		if ended {
			ending[w.ID] = struct{}{}
		}
		return ended
	})
	for id := range c.ended {
		if _, there := ending[id]; !there {
			delete(c.taken, id)
		}
	}
	c.ended = ending
	return workers
}

// overlay marks the taken among the workers: they count as the key's own. Those that others have taken a moment ago are not ready.
func (c *claims) overlay(workers []faas.Worker, now time.Time) []faas.Worker {
	c.mu.Lock()
	defer c.mu.Unlock()
	generic := make(map[string]bool, len(c.taken)+len(c.lost))
	for i, w := range workers {
		if !w.Generic() {
			continue
		}
		if one := c.taken[w.ID]; one != nil {
			generic[w.ID] = true
			workers[i].Key, workers[i].ProjectID, workers[i].Ready = one.key, one.project, one.ready
		} else if at, ok := c.lost[w.ID]; ok {
			generic[w.ID] = true
			workers[i].Ready = w.Ready && now.Sub(at) > lostFor
		}
	}
	for id, one := range c.taken {
		if one.told && !generic[id] {
			delete(c.taken, id)
		}
	}
	for id, at := range c.lost {
		if !generic[id] || now.Sub(at) > lostFor {
			delete(c.lost, id)
		}
	}
	return workers
}

// settle runs a task off the path of the call that caused it; wait waits for it. Its context lasts as long as the engine.
func (c *claims) settle(task func(ctx context.Context)) {
	c.tasks.Go(func() { task(c.ctx) })
}

// endGrace is how long an engine that ends goes on trying to tell the orchestrator of claims.
const endGrace = 10 * time.Second

func (c *claims) wait() {
	late := time.AfterFunc(endGrace, c.stop)
	defer late.Stop()
	c.tasks.Wait()
	c.stop()
}

package engine

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// gatePause is the time between two looks whether projects whose executions wait at the gate may run more of them.
	gatePause = 250 * time.Millisecond
	// limitsPatience bounds how long one project's limits may take to be read then.
	limitsPatience = time.Second
)

// enter waits until an asynchronous execution of the project may run: for its turn at the gate, and for room within the project's quota.
func (e *Engine) enter(ctx context.Context, project string) (leave func(), err error) {
	if e.cfg.Calls == nil {
		return e.gate.enter(ctx, project)
	}
	if err := e.cfg.Calls.Refresh(ctx, project); err != nil {
		return nil, err
	}
	return e.gate.enterWith(ctx, project, func() (func(), error) { return e.cfg.Calls.TryRun(project) })
}

// watchGate lets in executions that waited for room within their project's quota: others of it end in other processes, too.
func (e *Engine) watchGate(ctx context.Context) {
	if e.cfg.Calls == nil {
		return
	}
	every(ctx, gatePause, func(ctx context.Context) {
		for _, project := range e.gate.crowd() {
			reading, cancel := context.WithTimeout(ctx, limitsPatience)
			_ = e.cfg.Calls.Refresh(reading, project) // without an answer what is known holds; Quotas tells the log
			cancel()
		}
		e.gate.look()
	})
}

// mendPause is the time between two counts of what projects have.
const mendPause = time.Hour

// mendUsage counts again what projects have: programs from before the counts may have written during an upgrade.
func (e *Engine) mendUsage(ctx context.Context) {
	every(ctx, mendPause, e.mendUsageOnce)
}

func (e *Engine) mendUsageOnce(ctx context.Context) {
	n, err := e.cfg.Store.RepairUsage(ctx)
	if err != nil && ctx.Err() == nil {
		e.log.Warn("what projects have could not be counted again", "error", err)
	}
	if n > 0 {
		e.log.Warn("counts of what projects have were off and are mended", "counts", n)
	}
}

// memories remembers how much memory the functions ask for that have workers.
type memories struct {
	mu sync.Mutex
	of map[faas.Key]int64 // bytes
}

func (m *memories) init() { m.of = map[faas.Key]int64{} }

func (m *memories) set(key faas.Key, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of[key] = bytes
}

// unknown gives the keys of the workers that it does not know.
func (m *memories) unknown(workers []faas.Worker) []faas.Key {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []faas.Key
	for _, w := range workers {
		if _, known := m.of[w.Key]; !known && !w.Generic() && !slices.Contains(keys, w.Key) {
			keys = append(keys, w.Key)
		}
	}
	return keys
}

// sum gives the memory of the workers, by project. One whose function is not known counts as the least that a function asks for.
func (m *memories) sum(workers []faas.Worker) map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	sums := map[string]int64{}
	for _, w := range workers {
		if w.Generic() {
			continue
		}
		bytes, known := m.of[w.Key]
		if !known {
			bytes = faas.DefaultMemorySize
		}
		sums[w.ProjectID] += bytes
	}
	return sums
}

// keep forgets the keys that have no worker any more.
func (m *memories) keep(workers []faas.Worker) {
	there := make(map[faas.Key]bool, len(workers))
	for _, w := range workers {
		there[w.Key] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.of, func(key faas.Key, _ int64) bool { return !there[key] })
}

// memoryLimit gives how much memory the workers of the target's project may have together, having learnt how much those have that there are.
func (e *Engine) memoryLimit(ctx context.Context, target faas.Target) (int64, error) {
	if e.cfg.Quotas == nil {
		return faas.Unlimited, nil
	}
	limits, err := e.cfg.Quotas.Limits(ctx, target.ProjectID)
	if err != nil {
		return 0, err
	}
	e.memories.set(target.Key, target.MemorySize)
	limit := limits.Limit(faas.ResourceMemory)
	if limit != faas.Unlimited {
		e.learnMemory(ctx, slices.DeleteFunc(e.workers(), func(w faas.Worker) bool { return w.ProjectID != target.ProjectID }))
	}
	return limit, nil
}

// learnMemory looks up how much memory the functions of workers ask for that other engines have made theirs, or this one's predecessor. What an older
// revision asked for is not recorded any more: it counts as what the function asks for now.
func (e *Engine) learnMemory(ctx context.Context, workers []faas.Worker) {
	for _, key := range e.memories.unknown(workers) {
		f, err := e.cfg.Store.Function(ctx, faas.AnyProject(), key.FunctionID)
		switch {
		case err == nil:
			e.memories.set(key, f.MemorySize)
		case faas.KindOf(err) == faas.NotFound:
			e.memories.set(key, faas.DefaultMemorySize) // it ends soon
		default:
			return
		}
	}
}

// WorkerMemory gives the memory of the workers of functions that this engine owns, in bytes by project.
func (e *Engine) WorkerMemory() map[string]int64 {
	workers := slices.DeleteFunc(e.workers(), func(w faas.Worker) bool { return w.Generic() || !e.shards.owns(w.Key.FunctionID) })
	return e.memories.sum(workers)
}

// over tells whether a worker for the ticket would be more than its project's workers may have of memory.
func (s *scene) over(t *ticket) bool {
	return t.memory != faas.Unlimited && s.memory[t.project]+t.ask.target.MemorySize > t.memory
}

// overMemory is the error for a ticket that is over its project's memory; nil for any other.
func (s *scene) overMemory(t *ticket) *faas.Error {
	if !s.over(t) {
		return nil
	}
	return faas.Over(faas.ResourceMemory, t.memory, s.memory[t.project], t.ask.target.MemorySize)
}

// starved gives the projects that wait for a worker and have all the memory that they may: idle workers of theirs are to make room.
func (s *scene) starved(l *line) []string {
	var projects []string
	for project, tickets := range l.waiting {
		if slices.ContainsFunc(tickets, s.over) {
			projects = append(projects, project)
		}
	}
	slices.Sort(projects)
	return projects
}

package placement

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/fair"
)

// memories remembers how much memory the functions ask for that have workers.
type memories struct {
	mu sync.Mutex
	of map[faas.Key]int64 // bytes
}

func newMemories() memories { return memories{of: map[faas.Key]int64{}} }

func (m *memories) set(key faas.Key, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of[key] = bytes
}

// unknown returns the keys of the workers that it does not know.
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

// sum returns the memory of the workers in bytes, by project. One whose function is not known counts as the least that a function
// asks for.
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

// memoryLimit returns how much memory the workers of the target's project may have together, in bytes, having learnt how much those
// have that there are.
func (p *Placer) memoryLimit(ctx context.Context, target faas.Target) (int64, error) {
	if p.cfg.Quotas == nil {
		return faas.Unlimited, nil
	}
	limits, err := p.cfg.Quotas.Limits(ctx, target.ProjectID)
	if err != nil {
		return 0, err
	}
	p.memories.set(target.Key, target.MemorySize)
	limit := limits.Limit(faas.ResourceMemory)
	if limit != faas.Unlimited {
		workers := p.cfg.Fleet.Workers()
		p.learnMemory(ctx, slices.DeleteFunc(workers, func(w faas.Worker) bool { return w.ProjectID != target.ProjectID }))
	}
	return limit, nil
}

// learnMemory looks up how much memory the functions of workers ask for that other engines have specialised, or this one's
// predecessor. What an older revision asked for is not recorded any more: it counts as what the function asks for now.
func (p *Placer) learnMemory(ctx context.Context, workers []faas.Worker) {
	for _, key := range p.memories.unknown(workers) {
		f, err := p.cfg.Store.Function(ctx, faas.AnyProject(), key.FunctionID)
		switch {
		case err == nil:
			p.memories.set(key, f.MemorySize)
		case faas.KindOf(err) == faas.NotFound:
			p.memories.set(key, faas.DefaultMemorySize) // it ends soon
		default:
			return
		}
	}
}

// Memory returns the memory of the workers of functions, in bytes by project. owns reports which functions count.
func (p *Placer) Memory(owns func(functionID string) bool) map[string]int64 {
	workers := p.cfg.Fleet.Workers()
	return p.memories.sum(slices.DeleteFunc(workers, func(w faas.Worker) bool { return w.Generic() || !owns(w.Key.FunctionID) }))
}

// ForgetOthers forgets what is known of functions that have no worker among these any more.
func (p *Placer) ForgetOthers(workers []faas.Worker) { p.memories.keep(workers) }

// over reports whether a worker for the request would be more than its project's workers may have of memory.
func (s *snapshot) over(r *request) bool {
	return r.memory != faas.Unlimited && s.memory[r.ProjectID()]+r.target.MemorySize > r.memory
}

// overMemory returns the error for a request that is over its project's memory; nil for any other.
func (s *snapshot) overMemory(r *request) *faas.Error {
	if !s.over(r) {
		return nil
	}
	return faas.Over(faas.ResourceMemory, r.memory, s.memory[r.ProjectID()], r.target.MemorySize)
}

// outOfMemory returns the projects that wait for a worker and have all the memory that they may: idle workers of theirs are to make
// room.
func (s *snapshot) outOfMemory(q *fair.Queue[*request]) []string {
	var projects []string
	for project, requests := range q.Waiting() {
		if slices.ContainsFunc(requests, s.over) {
			projects = append(projects, project)
		}
	}
	slices.Sort(projects)
	return projects
}

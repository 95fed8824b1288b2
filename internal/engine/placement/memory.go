package placement

import (
	"context"
	"slices"

	"github.com/openstack-faas/faas/internal/faas"
)

// memoryLimit returns how much memory the workers of the target's project may have together, in
// bytes, having learnt how much those have that there are.
func (p *Placer) memoryLimit(ctx context.Context, target faas.Target) (int64, error) {
	if p.cfg.Quotas == nil {
		return faas.Unlimited, nil
	}
	limits, err := p.cfg.Quotas.Limits(ctx, target.ProjectID)
	if err != nil {
		return 0, err
	}
	p.index.SetMemory(target.Key, target.MemorySize)
	limit := limits.Limit(faas.ResourceMemory)
	if limit != faas.Unlimited {
		p.learnMemory(ctx, target.ProjectID)
	}
	return limit, nil
}

// learnMemory looks up how much memory the functions of the project's workers ask for that other
// engines have specialised, or this one's predecessor. What an older revision asked for is not
// recorded any more: it counts as what the function asks for now.
func (p *Placer) learnMemory(ctx context.Context, projectID string) {
	for _, key := range p.index.UnknownMemory(projectID) {
		now, err := p.cfg.Functions.Target(ctx, faas.Key{FunctionID: key.FunctionID, Version: key.Version})
		switch {
		case err == nil:
			p.index.SetMemory(key, now.MemorySize)
		case faas.KindOf(err) == faas.NotFound:
			p.index.SetMemory(key, faas.DefaultMemorySize) // it ends soon
		default:
			return
		}
	}
}

// over reports whether a worker for the request would be more than its project's workers may have
// of memory.
func (p *Placer) over(r *request) bool {
	return r.memory != faas.Unlimited && p.index.Memory(r.ProjectID())+r.target.MemorySize > r.memory
}

// overMemory returns the error for a request that is over its project's memory; nil for any other.
func (p *Placer) overMemory(r *request) *faas.Error {
	if !p.over(r) {
		return nil
	}
	return faas.Over(faas.ResourceMemory, r.memory, p.index.Memory(r.ProjectID()), r.target.MemorySize)
}

// outOfMemory returns the projects that wait for a worker and have all the memory that they may:
// idle workers of theirs are to make room. The placer's lock is held.
func (p *Placer) outOfMemory() []string {
	var projects []string
	for project, requests := range p.queue.Waiting() {
		if slices.ContainsFunc(requests, p.over) {
			projects = append(projects, project)
		}
	}
	slices.Sort(projects)
	return projects
}

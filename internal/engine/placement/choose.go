package placement

import (
	"github.com/openstack-faas/faas/internal/engine/demand"
	"github.com/openstack-faas/faas/internal/faas"
)

// What stands here decides who gets which worker. It asks the index, and looks at no more workers
// than those of the request's own function. The placer's lock is held.

// share returns how many workers each project may have while others wait: those who have some and
// those who wait count.
func (p *Placer) share() int {
	projects := p.index.Holders()
	for project := range p.queue.Waiting() {
		if p.index.HeldBy(project) == 0 {
			projects++
		}
	}
	return fairShare(p.cfg.Workers, projects)
}

// fairShare returns how many of all workers a project may have while so many projects, it among
// them, have or want some.
func fairShare(all, projects int) int { return max(all/max(projects, 1), 1) }

// atOnce answers a request for which no worker has to be claimed: a worker of the target is there,
// or there can be no more.
func (p *Placer) atOnce(r *request) (assignment, bool) {
	coming := false
	w, serves := p.index.FindOwn(r.target.Key, func(w faas.Worker) bool {
		unknown := !r.known[w.ID]
		coming = coming || unknown
		return unknown && w.Ready
	})
	switch {
	case serves:
		return assignment{worker: w, serves: true}, true
	case coming:
		return assignment{}, false
	}
	if r.wantsServer() {
		if err := p.cfg.Fleet.ServerFault(r.target.Key); err != nil {
			return assignment{err: err}, true
		}
	}
	if over := p.overMemory(r); over != nil && r.target.MemorySize > r.memory {
		return assignment{err: over}, true // nothing that ends makes room for it
	}
	if p.full(r) && !p.crowdedOut(r) {
		return assignment{err: busy("The function has as many workers as it may have (%d).", p.cfg.PerFunction)}, true
	}
	return assignment{}, false
}

// full reports whether the request's function has all the workers that it may have, those of all its
// versions together.
func (p *Placer) full(r *request) bool {
	return p.index.CountFunction(r.target.Key) >= p.cfg.PerFunction
}

// crowdedOut reports whether the function is full of workers of other versions than the one that is
// asked for, which has none: an idle one of them is to make room.
func (p *Placer) crowdedOut(r *request) bool {
	return p.full(r) && p.index.CountOwn(r.target.Key) == 0
}

// growsFor reports whether the request may have another worker, and one is there: generic, or to be
// made of the target's own image. A caller that does not know all of the function's workers gets
// those first, unless all callers together need more.
func (p *Placer) growsFor(r *request) bool {
	key := r.target.Key
	free, ok := p.index.Free(r.target.RuntimeID)
	if !ok && !r.wantsServer() || p.full(r) || p.over(r) {
		return false
	}
	if _, unknown := p.index.FindOwn(key, func(w faas.Worker) bool { return !r.known[w.ID] }); !unknown {
		return true
	}
	calls := p.cfg.Demand.Calls(key, p.cfg.Now())
	return p.index.CountOwn(key) < demand.WorkersFor(float64(calls), demand.SlotsOf(free))
}

// reserve takes a generic worker for a request that growsFor has allowed; ok is false when it has
// ended meanwhile.
func (p *Placer) reserve(r *request) (w faas.Worker, ok bool) {
	w, ok = p.index.Free(r.target.RuntimeID)
	return w, ok && p.cfg.Fleet.Reserve(w.ID, r.target)
}

package placement

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/engine/demand"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/fair"
)

// snapshot is all workers at one moment, sorted for those who wait.
type snapshot struct {
	placer  *Placer
	now     time.Time
	most    int
	claimed int
	held    map[string]int   // claimed workers by project
	memory  map[string]int64 // what those have together, in bytes
	own     map[faas.Key][]faas.Worker
	free    map[string][]faas.Worker // generic and ready, by runtime, in this engine's order
}

func (p *Placer) snapshot() *snapshot {
	s := &snapshot{
		placer: p, now: p.cfg.Now(), most: p.cfg.Workers,
		held: map[string]int{}, own: map[faas.Key][]faas.Worker{}, free: map[string][]faas.Worker{},
	}
	workers := p.cfg.Fleet.Workers()
	s.memory = p.memories.sum(workers)
	for _, w := range workers {
		switch {
		case !w.Generic():
			s.claimed++
			s.held[w.ProjectID]++
			s.own[w.Key] = append(s.own[w.Key], w)
		case w.Ready:
			s.free[w.RuntimeID] = append(s.free[w.RuntimeID], w)
		}
	}
	for _, free := range s.free {
		sortByRank(free, p.cfg.Name)
	}
	return s
}

// sortByRank puts generic workers into an order that differs from engine to engine (rendezvous hashing), so that several that claim
// at the same time seldom try the same one.
func sortByRank(workers []faas.Worker, engine string) {
	slices.SortFunc(workers, func(a, b faas.Worker) int { return cmp.Compare(rank(engine, a.ID), rank(engine, b.ID)) })
}

func rank(engine, workerID string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(engine + "\x00" + workerID)) // never fails
	return h.Sum64()
}

// heldBy returns how many workers a project has.
func (s *snapshot) heldBy(project string) int { return s.held[project] }

// share returns how many workers each project may have while others wait: those who have some and those who wait count.
func (s *snapshot) share(q *fair.Queue[*request]) int {
	projects := len(s.held)
	for project := range q.Waiting() {
		if s.held[project] == 0 {
			projects++
		}
	}
	return fairShare(s.most, projects)
}

// fairShare returns how many of all workers a project may have while so many projects, it among them, have or want some.
func fairShare(all, projects int) int { return max(all/max(projects, 1), 1) }

// atOnce answers a request for which no worker has to be claimed: a worker of the target is there, or there can be no more.
func (s *snapshot) atOnce(r *request) (assignment, bool) {
	own, coming := s.own[r.target.Key], false
	for _, w := range own {
		if r.known[w.ID] {
			continue
		}
		if w.Ready {
			return assignment{worker: w, serves: true}, true
		}
		coming = true
	}
	if coming {
		return assignment{}, false
	}
	if r.wantsServer() {
		if err := s.placer.cfg.Fleet.ServerFault(r.target.Key); err != nil {
			return assignment{err: err}, true
		}
	}
	if over := s.overMemory(r); over != nil && r.target.MemorySize > r.memory {
		return assignment{err: over}, true // nothing that ends makes room for it
	}
	if most := s.placer.cfg.PerFunction; len(own) >= most {
		return assignment{err: busy("The function has as many workers as it may have (%d).", most)}, true
	}
	return assignment{}, false
}

// growsFor reports whether the request may have another worker, and one is there: generic, or to be made of the target's own image.
// A caller that does not know all of the function's workers gets those first, unless all callers together need more.
func (s *snapshot) growsFor(r *request) bool {
	free, own := s.free[r.target.RuntimeID], s.own[r.target.Key]
	if r.wantsServer() {
		free = []faas.Worker{{}}
	}
	if len(free) == 0 || len(own) >= s.placer.cfg.PerFunction || s.over(r) {
		return false
	}
	unknown := slices.ContainsFunc(own, func(w faas.Worker) bool { return !r.known[w.ID] })
	calls := s.placer.cfg.Demand.Calls(r.target.Key, s.now)
	return !unknown || len(own) < demand.WorkersFor(float64(calls), demand.SlotsOf(free[0]))
}

// reserve takes a generic worker for a request that growsFor has allowed.
func (s *snapshot) reserve(r *request) faas.Worker {
	free := s.free[r.target.RuntimeID]
	w := free[0]
	s.free[r.target.RuntimeID] = free[1:]
	s.placer.cfg.Fleet.Reserve(w.ID, r.target)
	taken := w
	taken.Key, taken.ProjectID, taken.Ready = r.target.Key, r.target.ProjectID, false
	s.add(taken, r.target)
	return w
}

// startServer makes a worker for a request that growsFor has allowed.
func (s *snapshot) startServer(r *request) { s.add(s.placer.cfg.Fleet.StartServer(r.target), r.target) }

// add counts a worker that was claimed for a target.
func (s *snapshot) add(w faas.Worker, target faas.Target) {
	s.claimed++
	s.held[target.ProjectID]++
	s.memory[target.ProjectID] += target.MemorySize
	s.placer.memories.set(target.Key, target.MemorySize)
	s.own[target.Key] = append(s.own[target.Key], w)
}

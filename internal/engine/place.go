package engine

import (
	"cmp"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// ask is what a ticket asks for: a worker of the target that is not among the known.
type ask struct {
	target faas.Target
	known  map[string]bool
}

// grant answers a ticket: found says that the worker serves the target already, otherwise it is generic and reserved for the ticket.
type grant struct {
	worker faas.Worker
	found  bool
	err    error
}

func newTicket(r faas.AcquireRequest, now time.Time) *ticket {
	t := &ticket{
		project: r.Target.ProjectID, memory: faas.Unlimited, since: now.Add(-max(r.Waited, 0)), got: make(chan grant, 1),
		ask: ask{target: r.Target, known: make(map[string]bool, len(r.Known))},
	}
	for _, id := range r.Known {
		t.ask.known[id] = true
	}
	return t
}

// linePerProject is how many requests for workers one project may have in line here.
const linePerProject = 256

// place brings those who wait in line and the workers together.
type place struct {
	engine *Engine
	short  bell // rung when all workers are in use and somebody waits who has less than a fair share, or idle workers of the own

	mu   sync.Mutex
	line *line
}

func newPlace(e *Engine) *place {
	return &place{engine: e, short: newBell(), line: newLine(linePerProject)}
}

// join adds a ticket and serves whoever can be served; false says that the project's places are taken.
func (p *place) join(t *ticket) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.line.join(t) {
		return false
	}
	p.serveLocked(t)
	return true
}

// leave takes out a ticket that waits no longer, and gives back what it was granted meanwhile.
func (p *place) leave(t *ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line.leave(t)
	select {
	case g := <-t.got:
		if g.err == nil && !g.found {
			p.engine.claims.release(g.worker.ID)
			p.serveLocked(p.line.all()...)
		}
	default:
	}
}

// serve looks who can be served now.
func (p *place) serve() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serveLocked(p.line.all()...)
}

// serveLocked answers those of the tickets that can be answered at once, and then has the line's next claim workers while there are any.
func (p *place) serveLocked(tickets ...*ticket) {
	if len(tickets) == 0 {
		return
	}
	s := p.engine.scene()
	for _, t := range tickets {
		if g, ok := s.atOnce(t); ok {
			p.line.leave(t)
			t.got <- g
		}
	}
	for s.claimed < s.most && (len(s.free) > 0 || slices.ContainsFunc(tickets, (*ticket).wantsServer)) {
		t := p.line.next(s.generic, s.heldBy, s.share(p.line))
		if t == nil {
			break
		}
		p.line.served(t)
		if t.wantsServer() {
			s.start(t)
			p.line.join(t)
			continue
		}
		t.got <- grant{worker: s.take(t)}
	}
	if s.claimed >= s.most && !p.line.empty() || len(s.starved(p.line)) > 0 {
		p.short.wake()
	}
}

// scene is all workers at one moment, sorted for those who wait.
type scene struct {
	engine  *Engine
	now     time.Time
	most    int
	claimed int
	held    map[string]int   // claimed workers by project
	memory  map[string]int64 // what those have together, in bytes
	own     map[faas.Key][]faas.Worker
	free    map[string][]faas.Worker // generic and ready, by runtime, in this engine's order
}

func (e *Engine) scene() *scene {
	s := &scene{
		engine: e, now: e.now(), most: e.cfg.Limits.Workers,
		held: map[string]int{}, own: map[faas.Key][]faas.Worker{}, free: map[string][]faas.Worker{},
	}
	workers := e.workers()
	s.memory = e.memories.sum(workers)
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
		e.sortByRank(free)
	}
	return s
}

// workers gives every worker that is of use, with what this engine knows of claims that the orchestrator does not show yet.
func (e *Engine) workers() []faas.Worker {
	return e.servers.overlay(e.claims.overlay(e.claims.present(e.cfg.Orchestrator.Workers()), e.now()))
}

// sortByRank puts generic workers into an order that differs from engine to engine (rendezvous hashing), so that several that claim at the
// same time seldom try the same one.
func (e *Engine) sortByRank(workers []faas.Worker) {
	slices.SortFunc(workers, func(a, b faas.Worker) int { return cmp.Compare(e.rank(a.ID), e.rank(b.ID)) })
}

func (e *Engine) rank(workerID string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(e.cfg.Name + "\x00" + workerID)) // never fails
	return h.Sum64()
}

// heldBy is how many workers a project has.
func (s *scene) heldBy(project string) int { return s.held[project] }

// share is how many workers each project may have while others wait: those who have some and those who wait count.
func (s *scene) share(l *line) int {
	projects := len(s.held)
	for project := range l.waiting {
		if s.held[project] == 0 {
			projects++
		}
	}
	return fairShare(s.most, projects)
}

// atOnce answers a ticket for which no worker has to be claimed: a worker of the target is there, or there can be no more.
func (s *scene) atOnce(t *ticket) (grant, bool) {
	own, coming := s.own[t.ask.target.Key], false
	for _, w := range own {
		if t.ask.known[w.ID] {
			continue
		}
		if w.Ready {
			return grant{worker: w, found: true}, true
		}
		coming = true
	}
	if err := s.hopeless(t.ask.target); err != nil && !coming {
		return grant{err: err}, true
	}
	if over := s.overMemory(t); over != nil && t.ask.target.MemorySize > t.memory && !coming {
		return grant{err: over}, true // nothing that ends makes room for it
	}
	if most := s.engine.cfg.Limits.PerFunction; len(own) >= most && !coming {
		return grant{err: busy("The function has as many workers as it may have (%d).", most)}, true
	}
	return grant{}, false
}

// generic tells whether the ticket may be given another worker, and one is there: generic, or to be made of the target's own image. A caller that does
// not know all of the function's workers is given those first, unless all callers together need more.
func (s *scene) generic(t *ticket) bool {
	target := t.ask.target
	free, own := s.free[target.RuntimeID], s.own[target.Key]
	if t.wantsServer() {
		free = []faas.Worker{{}}
	}
	if len(free) == 0 || len(own) >= s.engine.cfg.Limits.PerFunction || s.over(t) {
		return false
	}
	unknown := slices.ContainsFunc(own, func(w faas.Worker) bool { return !t.ask.known[w.ID] })
	return !unknown || len(own) < workersFor(float64(s.engine.demand.calls(target.Key, s.now)), slotsOf(free[0]))
}

// take reserves a generic worker for a ticket that generic has allowed.
func (s *scene) take(t *ticket) faas.Worker {
	target := t.ask.target
	free := s.free[target.RuntimeID]
	w := free[0]
	s.free[target.RuntimeID] = free[1:]
	s.engine.claims.reserve(w.ID, target)
	s.claimed++
	s.held[target.ProjectID]++
	s.memory[target.ProjectID] += target.MemorySize
	s.engine.memories.set(target.Key, target.MemorySize)
	taken := w
	taken.Key, taken.ProjectID, taken.Ready = target.Key, target.ProjectID, false
	s.own[target.Key] = append(s.own[target.Key], taken)
	return w
}

func slotsOf(w faas.Worker) int {
	if w.Slots > 0 {
		return w.Slots
	}
	return faas.DefaultConcurrency
}

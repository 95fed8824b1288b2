package engine

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// gate bounds how many asynchronous executions are in hand at a time and lets projects in by turns. A project may hold as many hands as
// generosity times those that are free, so that there is always one for a project that had none: even a project whose calls all wait for
// workers keeps no other out.
type gate struct {
	mu      sync.Mutex
	free    int
	held    map[string]int
	waiting map[string][]chan struct{} // by project, first come first
	turns   map[string]uint64          // of projects that hold or wait: their last turn
	turn    uint64
}

// generosity: a project that is alone may hold four of every five hands.
const generosity = 4

func newGate(hands int) *gate {
	return &gate{free: hands, held: map[string]int{}, waiting: map[string][]chan struct{}{}, turns: map[string]uint64{}}
}

// enter waits for a hand until ctx ends; leave gives it back.
func (g *gate) enter(ctx context.Context, project string) (leave func(), err error) {
	in := make(chan struct{})
	g.mu.Lock()
	g.waiting[project] = append(g.waiting[project], in)
	g.admit()
	g.mu.Unlock()
	select {
	case <-in:
	case <-ctx.Done():
		if g.giveUp(project, in) {
			return nil, ctx.Err()
		} // else it was let in at the same moment
	}
	return func() { g.leave(project) }, nil
}

func (g *gate) giveUp(project string, in chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.waiting[project], in)
	if at < 0 {
		return false
	}
	g.waiting[project] = slices.Delete(g.waiting[project], at, at+1)
	g.tidy(project)
	return true
}

func (g *gate) leave(project string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free++
	g.held[project]--
	g.tidy(project)
	g.admit()
}

// admit lets in whose turn it is while there are hands.
func (g *gate) admit() {
	for {
		project, ok := g.next()
		if !ok {
			return
		}
		g.turn++
		g.turns[project] = g.turn
		g.free--
		g.held[project]++
		in := g.waiting[project][0]
		g.waiting[project] = g.waiting[project][1:]
		g.tidy(project)
		close(in)
	}
}

func (g *gate) next() (project string, ok bool) {
	for p := range g.waiting {
		if g.held[p] > 0 && g.held[p] >= generosity*g.free || g.free == 0 {
			continue
		}
		if !ok || cmp.Or(cmp.Compare(g.turns[p], g.turns[project]), cmp.Compare(p, project)) < 0 {
			project, ok = p, true
		}
	}
	return project, ok
}

func (g *gate) tidy(project string) {
	if len(g.waiting[project]) == 0 {
		delete(g.waiting, project)
	}
	if g.held[project] == 0 {
		delete(g.held, project)
	}
	if g.held[project] == 0 && len(g.waiting[project]) == 0 {
		delete(g.turns, project)
	}
}

// crowd gives the projects that wait.
func (g *gate) crowd() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	projects := make([]string, 0, len(g.waiting))
	for p := range g.waiting {
		projects = append(projects, p)
	}
	return projects
}

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
	waiting map[string][]*waiter // by project, first come first
	turns   map[string]uint64    // of projects that hold or wait: their last turn
	turn    uint64
}

// waiter is one that waits to be let in.
type waiter struct {
	in    chan struct{}
	begin begin
	done  func() // set when it is let in
}

// begin takes whatever else is needed to be let in, without waiting for it; done gives it back. An error says that there is none now.
type begin func() (done func(), err error)

// generosity: a project that is alone may hold four of every five hands.
const generosity = 4

func newGate(hands int) *gate {
	return &gate{free: hands, held: map[string]int{}, waiting: map[string][]*waiter{}, turns: map[string]uint64{}}
}

// enter waits for a hand until ctx ends; leave gives it back.
func (g *gate) enter(ctx context.Context, project string) (leave func(), err error) {
	return g.enterWith(ctx, project, func() (func(), error) { return func() {}, nil })
}

// enterWith waits for a hand and for what begin takes. Somebody has to look when there may be more of that than there was.
func (g *gate) enterWith(ctx context.Context, project string, begin begin) (leave func(), err error) {
	w := &waiter{in: make(chan struct{}), begin: begin}
	g.mu.Lock()
	g.waiting[project] = append(g.waiting[project], w)
	g.admit()
	g.mu.Unlock()
	select {
	case <-w.in:
	case <-ctx.Done():
		if g.giveUp(project, w) {
			return nil, ctx.Err()
		} // else it was let in at the same moment
	}
	return func() { g.leave(project, w) }, nil
}

// look lets in those for whom there is now what they need besides a hand.
func (g *gate) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admit()
}

func (g *gate) giveUp(project string, w *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.waiting[project], w)
	if at < 0 {
		return false
	}
	g.waiting[project] = slices.Delete(g.waiting[project], at, at+1)
	g.tidy(project)
	return true
}

func (g *gate) leave(project string, w *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.done()
	g.free++
	g.held[project]--
	g.tidy(project)
	g.admit()
}

// admit lets in whose turn it is while there are hands. A project for which there is nothing more to begin with has no turn.
func (g *gate) admit() {
	full := map[string]bool{}
	for {
		project, ok := g.next(full)
		if !ok {
			return
		}
		w := g.waiting[project][0]
		done, err := w.begin()
		if err != nil {
			full[project] = true
			continue
		}
		w.done = done
		g.turn++
		g.turns[project] = g.turn
		g.free--
		g.held[project]++
		g.waiting[project] = g.waiting[project][1:]
		g.tidy(project)
		close(w.in)
	}
}

func (g *gate) next(full map[string]bool) (project string, ok bool) {
	for p := range g.waiting {
		if full[p] || g.held[p] > 0 && g.held[p] >= generosity*g.free || g.free == 0 {
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

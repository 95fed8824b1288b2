package memory

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Grant is what one request holds. Methods of a nil grant do nothing: what asks for no identity is
// not counted.
type Grant struct {
	memory        *Budget
	project       string
	used, brought int64 // guarded by the memory's lock
}

// Enter lets a request in that brings so many bytes.
func (m *Budget) Enter(project string, bytes int64) (*Grant, error) {
	g := &Grant{memory: m, project: project}
	return g, g.Bring(bytes)
}

// Bring counts more of what a request brings, or refuses it. The error is of kind faas.Busy where
// its project brings its share, and faas.Unavailable where all projects together bring what they
// may.
func (g *Grant) Bring(bytes int64) error {
	if g == nil {
		return nil
	}
	m := g.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	held, most := int64(0), int64(generosity)
	if p := m.projects[g.project]; p != nil {
		held = p.brought
	}
	if bytes <= RequestCost {
		most = generositySmall
	}
	switch left := m.entry - m.brought - bytes; {
	case left < 0:
		return noMemory(faas.Unavailable, "The API's memory for requests is used up by those in progress; try again later.")
	case held > 0 && held+bytes > most*left:
		return noMemory(
			faas.Busy,
			"The project's share of the API's memory is used up by its requests in progress; try again when some have ended.",
		)
	}
	m.add(g, bytes)
	m.brought += bytes
	m.projects[g.project].brought += bytes
	g.brought += bytes
	return nil
}

// take counts a result or an answer of a request that was let in, if there is room for it at once
// and nobody waits.
func (g *Grant) take(bytes int64) bool {
	if g == nil || bytes <= 0 {
		return true
	}
	m := g.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if bytes = m.part(bytes); m.used+bytes > m.total || m.next() != nil {
		return false
	}
	m.add(g, bytes)
	return true
}

// Await is take, and waits until there is room. Projects that hold least come first. The error is
// of kind faas.Unavailable when there was no room in time, or before ctx ended.
func (g *Grant) Await(ctx context.Context, bytes int64) error {
	if g.take(bytes) {
		return nil
	}
	m := g.memory
	w := &memoryWaiter{grant: g, bytes: m.part(bytes), granted: make(chan struct{})}
	m.mu.Lock()
	at := m.share(g.project).waiting.PushBack(w)
	m.admit()
	m.mu.Unlock()
	timer := time.NewTimer(memoryTimeout)
	defer timer.Stop()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	case <-timer.C:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-w.granted: // at the same moment
		return nil
	default:
	}
	m.share(g.project).waiting.Remove(at)
	m.tidy(g.project)
	m.admit() // the next may need less
	return noMemory(faas.Unavailable, "The API had no memory for the answer in time; try again later.")
}

// AwaitResult is Await for a result of so many bytes.
func (g *Grant) AwaitResult(ctx context.Context, bytes int64) error {
	return g.Await(ctx, resultFactor*(bytes-smallAnswer))
}

// Held returns how much the request holds.
func (g *Grant) Held() int64 {
	if g == nil {
		return 0
	}
	g.memory.mu.Lock()
	defer g.memory.mu.Unlock()
	return g.used
}

// GiveBack counts less of a result or an answer than was taken.
func (g *Grant) GiveBack(bytes int64) {
	if g == nil || bytes <= 0 {
		return
	}
	m := g.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(g, -min(bytes, g.used-g.brought))
	m.admit()
}

// Release returns all that a request holds to the budget.
func (g *Grant) Release() {
	if g == nil {
		return
	}
	m := g.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.brought -= g.brought
	m.share(g.project).brought -= g.brought
	m.add(g, -g.used)
	g.brought = 0
	m.tidy(g.project)
	m.admit()
}

// ReadWithin reads what a request is to be answered with, and counts it. What is read counts for
// nothing until its size is known: so what there is no room for is forgotten, waited for, and read
// again. The database's connections bound how many are read at a time.
func ReadWithin[T any](ctx context.Context, g *Grant, size func(T) int, read func() (T, error)) (T, error) {
	v, err := read()
	if err != nil {
		return v, err
	}
	bytes := answerFactor * (int64(size(v)) - smallAnswer)
	if g.take(bytes) {
		return v, nil
	}
	var forgotten T
	v = forgotten
	if err := g.Await(ctx, bytes); err != nil {
		return v, err
	}
	return read()
}

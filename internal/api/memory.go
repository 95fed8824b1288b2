package api

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
)

// What requests under way hold in memory is reckoned from the bytes that they bring and are
// answered with, and is kept within a budget. Without it, a thousand calls with inputs of a
// megabyte, which may all wait for workers, would need more than the process has. The factors are
// how often the bytes are held at once, in one form or the other.
const (
	// requestCost is what a request costs besides its body: goroutine, headers, buffers.
	requestCost = 32 << 10
	// bodyFactor: as it came, its fields, the input, and that on its way to a worker.
	bodyFactor = 4
	// resultFactor: as it came from the worker, its parts, the record, that as a statement, and the
	// answer, escaped.
	resultFactor = 6
	// answerFactor: as it was read, and escaped on its way out.
	answerFactor = 3
	// smallAnswer is how many bytes of a result or an answer are part of requestCost.
	smallAnswer = 4 << 10
)

const (
	// entryPercent of the budget are for what requests bring. The rest is for results and answers
	// only, so that requests that were let in always come to their end, and make room.
	entryPercent = 75
	// generosity is how many times as much as it leaves to others a project may bring: alone, four
	// fifths. Small requests may go on to nine tenths, so that a project whose calls take much
	// memory can still look at them.
	generosity, generositySmall = 4, 9
	// partPercent of the budget are what one result or answer counts at most.
	partPercent = 25
	// memoryTimeout bounds how long a result or an answer waits for room.
	memoryTimeout = 30 * time.Second
	// memoryPause is when who was refused is told to try again.
	memoryPause = time.Second
)

// memory is the budget. It is safe for concurrent use.
type memory struct {
	total, entry int64 // bytes: all, and what requests may bring

	mu       sync.Mutex
	used     int64 // by what requests brought, and by results and answers
	brought  int64
	projects map[string]*memoryShare // one that holds nothing and waits for nothing is absent
}

// memoryShare is what one project holds and waits for.
type memoryShare struct {
	used, brought int64
	waiting       list.List // of *memoryWaiter: results and answers, first come first
}

type memoryWaiter struct {
	grant   *grant
	bytes   int64
	granted chan struct{} // closed when it has its bytes
}

func newMemory(total int64) *memory {
	return &memory{total: total, entry: total / 100 * entryPercent, projects: map[string]*memoryShare{}}
}

// register has the registry show what is held.
func (m *memory) register(registry prometheus.Registerer) {
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "faas_api_memory_reserved_bytes", Help: "Memory that requests under way are reckoned to hold, of [api] memory_budget.",
	}, func() float64 {
		m.mu.Lock()
		defer m.mu.Unlock()
		return float64(m.used)
	}))
}

// grant is what one request holds. Methods of a nil grant do nothing: what asks for no identity is
// not counted.
type grant struct {
	memory        *memory
	project       string
	used, brought int64 // guarded by the memory's lock
}

// enter lets a request in that brings so many bytes.
func (m *memory) enter(project string, bytes int64) (*grant, error) {
	g := &grant{memory: m, project: project}
	return g, g.bring(bytes)
}

// bring counts more of what a request brings, or refuses it. The error is of kind faas.Busy where
// its project brings its share, and faas.Unavailable where all projects together bring what they
// may.
func (g *grant) bring(bytes int64) error {
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
	if bytes <= requestCost {
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

func noMemory(kind faas.Kind, message string) error {
	e := faas.Errorf(kind, "%s", message)
	e.RetryAfter = memoryPause
	return e
}

// take counts a result or an answer of a request that was let in, if there is room for it at once
// and nobody waits.
func (g *grant) take(bytes int64) bool {
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

// part returns what a result or an answer of so many bytes counts. One that is larger than all
// there is comes through when little else is under way.
func (m *memory) part(bytes int64) int64 { return min(bytes, m.total/100*partPercent) }

// await is take, and waits until there is room. Projects that hold least come first. The error is
// of kind faas.Unavailable when there was no room in time, or before ctx ended.
func (g *grant) await(ctx context.Context, bytes int64) error {
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

// admit grants those whose turn it is what they wait for, as far as there is room. The lock is
// held.
func (m *memory) admit() {
	for p := m.next(); p != nil; p = m.next() {
		at := p.waiting.Front()
		w := at.Value.(*memoryWaiter)
		if m.used+w.bytes > m.total {
			return
		}
		p.waiting.Remove(at)
		m.add(w.grant, w.bytes)
		close(w.granted)
	}
}

// next returns the project whose turn it is: that which holds least of those that wait; nil when
// none does.
func (m *memory) next() (least *memoryShare) {
	for _, p := range m.projects {
		if p.waiting.Len() > 0 && (least == nil || p.used < least.used) {
			least = p
		}
	}
	return least
}

func (m *memory) share(project string) *memoryShare {
	p := m.projects[project]
	if p == nil {
		p = &memoryShare{}
		m.projects[project] = p
	}
	return p
}

func (m *memory) tidy(project string) {
	if p := m.projects[project]; p != nil && p.used == 0 && p.waiting.Len() == 0 {
		delete(m.projects, project)
	}
}

func (m *memory) add(g *grant, bytes int64) {
	m.used += bytes
	m.share(g.project).used += bytes
	g.used += bytes
}

// held returns how much the request holds.
func (g *grant) held() int64 {
	if g == nil {
		return 0
	}
	g.memory.mu.Lock()
	defer g.memory.mu.Unlock()
	return g.used
}

// giveBack counts less of a result or an answer than was taken.
func (g *grant) giveBack(bytes int64) {
	if g == nil || bytes <= 0 {
		return
	}
	m := g.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(g, -min(bytes, g.used-g.brought))
	m.admit()
}

// release returns everything back that a request holds.
func (g *grant) release() {
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

// readWithin reads what a request is to be answered with, and counts it. What is read counts for
// nothing until its size is known: so what there is no room for is forgotten, waited for, and read
// again. The database's connections bound how many are read at a time.
func readWithin[T any](ctx context.Context, g *grant, size func(T) int, read func() (T, error)) (T, error) {
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
	if err := g.await(ctx, bytes); err != nil {
		return v, err
	}
	return read()
}

// AwaitResult waits until there is room for a result of so many bytes of the execution whose
// request's context it is. It is for who reads the result: until then it stays with the worker.
func AwaitResult(ctx context.Context, bytes int64) error {
	info, ok := ctx.Value(infoKey{}).(*requestInfo)
	if !ok {
		return nil
	}
	return info.grant.await(ctx, resultFactor*(bytes-smallAnswer))
}

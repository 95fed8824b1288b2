// Package memory keeps what the requests under way hold within a budget of bytes, which their
// projects share.
package memory

import (
	"container/list"
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
	// RequestCost is what a request costs besides its body: goroutine, headers, buffers.
	RequestCost = 32 << 10
	// BodyFactor: as it came, its fields, the input, and that on its way to a worker.
	BodyFactor = 4
	// resultFactor: as it came from the worker, its parts, the record, that as a statement, and the
	// answer, escaped.
	resultFactor = 6
	// answerFactor: as it was read, and escaped on its way out.
	answerFactor = 3
	// smallAnswer is how many bytes of a result or an answer are part of RequestCost.
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

// Budget is the budget. It is safe for concurrent use.
type Budget struct {
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
	grant   *Grant
	bytes   int64
	granted chan struct{} // closed when it has its bytes
}

// New returns a budget of so many bytes.
func New(total int64) *Budget {
	return &Budget{total: total, entry: total / 100 * entryPercent, projects: map[string]*memoryShare{}}
}

// Register has the registry show what is held.
func (m *Budget) Register(registry prometheus.Registerer) {
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "faas_api_memory_reserved_bytes",
		Help: "Memory that requests under way are reckoned to hold, of [api] memory_budget.",
	}, func() float64 {
		bytes, _ := m.Held()
		return float64(bytes)
	}))
}

// Held returns how many bytes are held, and of how many projects something is held or waited for.
func (m *Budget) Held() (bytes int64, projects int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used, len(m.projects)
}

// Waiting returns how many results and answers wait for room.
func (m *Budget) Waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, p := range m.projects {
		n += p.waiting.Len()
	}
	return n
}

// part returns what a result or an answer of so many bytes counts. One that is larger than all
// there is comes through when little else is under way.
func (m *Budget) part(bytes int64) int64 { return min(bytes, m.total/100*partPercent) }

// admit grants those whose turn it is what they wait for, as far as there is room. The lock is
// held.
func (m *Budget) admit() {
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
func (m *Budget) next() (least *memoryShare) {
	for _, p := range m.projects {
		if p.waiting.Len() > 0 && (least == nil || p.used < least.used) {
			least = p
		}
	}
	return least
}

func (m *Budget) share(project string) *memoryShare {
	p := m.projects[project]
	if p == nil {
		p = &memoryShare{}
		m.projects[project] = p
	}
	return p
}

func (m *Budget) tidy(project string) {
	if p := m.projects[project]; p != nil && p.used == 0 && p.waiting.Len() == 0 {
		delete(m.projects, project)
	}
}

func (m *Budget) add(g *Grant, bytes int64) {
	m.used += bytes
	m.share(g.project).used += bytes
	g.used += bytes
}

func noMemory(kind faas.Kind, message string) error {
	e := faas.Errorf(kind, "%s", message)
	e.RetryAfter = memoryPause
	return e
}

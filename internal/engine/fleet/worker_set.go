package fleet

import (
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// workerSet holds the workers and keeps each where a query finds it. It is kept, not rebuilt: each
// change of a worker, whether the orchestrator's or this engine's own, takes the worker out of where
// it stands and puts it where it belongs. Index asks it, reservations change it; all that is here is
// guarded by its lock.
type workerSet struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[string]*entry    // by worker id
	timed   map[string]time.Time // workers that are to be looked at again, and when
	owned   ownedWorkers
	free    freeWorkers
	starts  starts
	visits  int // workers that were looked at: what a test counts
}

func newWorkerSet(engine string, now func() time.Time) *workerSet {
	return &workerSet{
		now: now, entries: map[string]*entry{}, timed: map[string]time.Time{}, owned: newOwnedWorkers(),
		free: freeWorkers{engine: engine, of: map[string][]ranked{}}, starts: starts{},
	}
}

// lostFor is how long a worker that another engine has claimed is left alone: by then the
// orchestrator shows whose it is.
const lostFor = 5 * time.Second

// apply takes in what the orchestrator shows.
func (s *workerSet) apply(changes []orchestrator.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		if c.Gone {
			s.remove(c.Worker.ID)
			continue
		}
		s.change(c.Worker.ID, func(e *entry) {
			s.time(e, c.Worker)
			e.shown, e.coming = &c.Worker, nil
			if !c.Worker.Generic() {
				e.reservation, e.lostUntil = e.reservation.stillNeeded(), time.Time{}
			}
		})
	}
}

// time takes in when a generic worker is first shown and when it is ready.
func (s *workerSet) time(e *entry, now faas.Worker) {
	switch {
	case !now.Generic():
	case e.shown == nil && !now.Ready:
		e.since = s.now()
	case now.Ready && !e.since.IsZero():
		s.starts.add(now.RuntimeID, s.now().Sub(e.since))
		e.since = time.Time{}
	}
}

// drain says that a worker takes no more calls. It stays out of the index until it is gone.
func (s *workerSet) drain(workerID string) {
	s.changeKnown(workerID, func(e *entry) { e.drained = true })
}

// begin adds a server that this engine starts.
func (s *workerSet) begin(w faas.Worker, target faas.Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change(w.ID, func(e *entry) { e.coming = &w })
	s.setMemory(target.Key, target.MemorySize)
}

// end says that a server has come up, or has not. One that has stays until the orchestrator shows
// it, for a moment.
func (s *workerSet) end(workerID string, up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[workerID]
	switch {
	case e == nil || e.coming == nil:
	case up:
		s.timed[workerID] = s.now().Add(lostFor)
	default:
		s.remove(workerID)
	}
}

// changeKnown changes what is known of a worker, if there is such a worker.
func (s *workerSet) changeKnown(workerID string, to func(*entry)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[workerID] != nil {
		s.change(workerID, to)
	}
}

// change changes what is known of a worker and puts it where it belongs. The lock is held, here and
// below.
func (s *workerSet) change(workerID string, to func(*entry)) {
	e := s.entries[workerID]
	if e == nil {
		e = &entry{id: workerID}
		s.entries[workerID] = e
	}
	was := e.as
	s.unlist(e)
	to(e)
	s.list(e)
	s.owned.forget(was)
}

func (s *workerSet) remove(workerID string) {
	if e := s.entries[workerID]; e != nil {
		s.unlist(e)
		delete(s.entries, workerID)
		delete(s.timed, workerID)
		s.owned.forget(e.as)
	}
}

// list puts a worker where it belongs.
func (s *workerSet) list(e *entry) {
	e.as, e.listed = e.effective(s.now())
	switch {
	case !e.listed:
	case !e.as.Generic():
		s.owned.add(e)
	case e.as.Ready:
		s.free.add(e)
	}
}

// unlist takes a worker out of where it stands.
func (s *workerSet) unlist(e *entry) {
	switch {
	case !e.listed:
	case !e.as.Generic():
		s.owned.remove(e)
	case e.as.Ready:
		s.free.remove(e)
	}
	e.listed = false
}

// setMemory has the workers of a key count as so many bytes each.
func (s *workerSet) setMemory(key faas.Key, bytes int64) { s.visits += s.owned.setMemory(key, bytes) }

// refresh lists again the workers whose time has come: those lost a while ago, and servers that
// came up and were never shown.
func (s *workerSet) refresh() {
	if len(s.timed) == 0 {
		return
	}
	now := s.now()
	for id, at := range s.timed {
		s.visits++
		if now.Before(at) {
			continue
		}
		delete(s.timed, id)
		if e := s.entries[id]; e != nil && e.shown == nil {
			s.remove(id)
		} else if e != nil {
			s.change(id, func(*entry) {})
		}
	}
}

package fleet

import (
	"cmp"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Index holds the workers so that a request finds what it needs without looking at all of them. It
// is kept, not rebuilt: each change of a worker, whether the orchestrator's or this engine's own,
// takes the worker out of where it stands and puts it where it belongs. It is safe for concurrent
// use.
type Index struct {
	now    func() time.Time
	engine string // name of the engine, for the order of generic workers

	mu      sync.Mutex
	entries map[string]*entry                // by worker id
	timed   map[string]time.Time             // workers that are to be looked at again, and when
	claimed int                              // workers that are functions' own
	held    map[string]int                   // those by project; none is absent
	memory  map[string]int64                 // what those may use together, in bytes, by project; none is absent
	own     map[faas.Key]map[string]*entry   // those by key and id
	known   map[faas.Key]int64               // bytes that a worker of the key may use, of keys that have workers
	unknown map[string]map[faas.Key]struct{} // keys by project that have workers and are not in known
	free    map[string][]ranked              // generic and ready, by runtime, in this engine's order
	visits  int                              // workers that were looked at: what a test counts
}

// entry is all that is known of one worker.
type entry struct {
	id          string
	shown       *faas.Worker // as the orchestrator shows it; nil: not yet
	coming      *faas.Worker // a server that this engine starts; nil: none
	reservation *reservation // nil: this engine has not taken it
	drained     bool         // it takes no more calls and is about to be gone
	lostUntil   time.Time    // until then another engine may have claimed it

	listed bool        // it stands in the index
	as     faas.Worker // how it does
	bytes  int64       // that it counts in its project's memory
}

// reservation is a worker that this engine has taken while the orchestrator does not show it as
// claimed. It only keeps the engine's own requests from running into each other: between engines,
// the agent itself lets one win.
type reservation struct {
	key       faas.Key
	projectID string
	ready     bool // it was specialised: calls can be sent to it
	told      bool // the orchestrator was told
}

type ranked struct {
	rank  uint64
	entry *entry
}

func newIndex(engine string, now func() time.Time) *Index {
	return &Index{
		now: now, engine: engine, entries: map[string]*entry{}, timed: map[string]time.Time{},
		held: map[string]int{}, memory: map[string]int64{}, own: map[faas.Key]map[string]*entry{},
		known: map[faas.Key]int64{}, unknown: map[string]map[faas.Key]struct{}{}, free: map[string][]ranked{},
	}
}

// lostFor is how long a worker that another engine has claimed is left alone: by then the
// orchestrator shows whose it is.
const lostFor = 5 * time.Second

// apply takes in what the orchestrator shows.
func (x *Index) apply(changes []orchestrator.Change) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range changes {
		if c.Gone {
			x.remove(c.Worker.ID)
			continue
		}
		x.change(c.Worker.ID, func(e *entry) {
			e.shown, e.coming = &c.Worker, nil
			if !c.Worker.Generic() {
				e.reservation, e.lostUntil = x.stillNeeded(e.reservation), time.Time{}
			}
		})
	}
}

// stillNeeded returns a reservation of a worker that the orchestrator shows as claimed: nil once
// the orchestrator was told, too.
func (x *Index) stillNeeded(r *reservation) *reservation {
	if r != nil && r.told {
		return nil
	}
	return r
}

// reserve takes a worker for a target and reports whether it was there and free.
func (x *Index) reserve(workerID string, target faas.Target) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[workerID]
	if e == nil || e.shown == nil || e.drained || e.reservation != nil {
		return false
	}
	x.change(workerID, func(e *entry) {
		e.reservation = &reservation{key: target.Key, projectID: target.ProjectID}
	})
	x.setMemory(target.Key, target.MemorySize)
	return true
}

// specialised says that a reserved worker takes calls.
func (x *Index) specialised(workerID string) {
	x.changeReservation(workerID, func(r *reservation) { r.ready = true })
}

// told says that the orchestrator knows of the claim. It is remembered until the orchestrator shows
// it, too.
func (x *Index) told(workerID string) {
	x.changeReservation(workerID, func(r *reservation) { r.told = true })
}

func (x *Index) changeReservation(workerID string, to func(*reservation)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.entries[workerID]; e == nil || e.reservation == nil {
		return
	}
	x.change(workerID, func(e *entry) {
		to(e.reservation)
		if e.shown != nil && !e.shown.Generic() {
			e.reservation = x.stillNeeded(e.reservation)
		}
	})
}

// release ends a reservation.
func (x *Index) release(workerID string) {
	x.changeKnown(workerID, func(e *entry) { e.reservation = nil })
}

// lose ends the reservation of a worker that another engine has claimed.
func (x *Index) lose(workerID string) {
	x.changeKnown(workerID, func(e *entry) {
		e.reservation, e.lostUntil = nil, x.now().Add(lostFor)
		x.timed[workerID] = e.lostUntil
	})
}

// drain says that a worker takes no more calls. It stays out of the index until it is gone.
func (x *Index) drain(workerID string) {
	x.changeKnown(workerID, func(e *entry) { e.drained = true })
}

// begin adds a server that this engine starts.
func (x *Index) begin(w faas.Worker, target faas.Target) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.change(w.ID, func(e *entry) { e.coming = &w })
	x.setMemory(target.Key, target.MemorySize)
}

// end says that a server has come up, or has not. One that has stays until the orchestrator shows
// it, for a moment.
func (x *Index) end(workerID string, up bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[workerID]
	switch {
	case e == nil || e.coming == nil:
	case up:
		x.timed[workerID] = x.now().Add(lostFor)
	default:
		x.remove(workerID)
	}
}

func (x *Index) changeKnown(workerID string, to func(*entry)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.entries[workerID] != nil {
		x.change(workerID, to)
	}
}

// change changes what is known of a worker and puts it where it belongs. The lock is held, here and
// below.
func (x *Index) change(workerID string, to func(*entry)) {
	e := x.entries[workerID]
	if e == nil {
		e = &entry{id: workerID}
		x.entries[workerID] = e
	}
	was := e.as
	x.unlist(e)
	to(e)
	x.list(e)
	x.forget(was)
}

func (x *Index) remove(workerID string) {
	if e := x.entries[workerID]; e != nil {
		x.unlist(e)
		delete(x.entries, workerID)
		delete(x.timed, workerID)
		x.forget(e.as)
	}
}

// forget forgets the memory of a key whose last worker this was.
func (x *Index) forget(w faas.Worker) {
	if !w.Generic() && len(x.own[w.Key]) == 0 {
		delete(x.known, w.Key)
		x.unmarkUnknown(w.ProjectID, w.Key)
	}
}

// effective returns the worker as it counts; ok is false when it is of no use.
func (e *entry) effective(now time.Time) (w faas.Worker, ok bool) {
	switch {
	case e.drained:
		return w, false
	case e.shown == nil:
		return *e.coming, true
	}
	w = *e.shown
	switch {
	case !w.Generic():
	case e.reservation != nil:
		w.Key, w.ProjectID, w.Ready = e.reservation.key, e.reservation.projectID, e.reservation.ready
	case now.Before(e.lostUntil):
		w.Ready = false
	}
	return w, true
}

// list puts a worker where it belongs.
func (x *Index) list(e *entry) {
	w, ok := e.effective(x.now())
	e.as, e.listed = w, ok
	switch {
	case !ok:
	case !w.Generic():
		x.claimed++
		x.held[w.ProjectID]++
		of := x.own[w.Key]
		if of == nil {
			of = map[string]*entry{}
			x.own[w.Key] = of
		}
		of[e.id] = e
		bytes, known := x.known[w.Key]
		if !known {
			bytes = faas.DefaultMemorySize // the least that a function asks for, until somebody asks
			x.markUnknown(w.ProjectID, w.Key)
		}
		e.bytes = bytes
		x.memory[w.ProjectID] += bytes
	case w.Ready:
		at := ranked{rank(x.engine, e.id), e}
		i, _ := slices.BinarySearchFunc(x.free[w.RuntimeID], at, compareRank)
		x.free[w.RuntimeID] = slices.Insert(x.free[w.RuntimeID], i, at)
	}
}

// unlist takes a worker out of where it stands.
func (x *Index) unlist(e *entry) {
	w := e.as
	switch {
	case !e.listed:
	case !w.Generic():
		x.claimed--
		subtract(x.held, w.ProjectID, 1)
		if x.memory[w.ProjectID] -= e.bytes; x.held[w.ProjectID] == 0 {
			delete(x.memory, w.ProjectID)
		}
		if delete(x.own[w.Key], e.id); len(x.own[w.Key]) == 0 {
			delete(x.own, w.Key)
		}
	case w.Ready:
		free := x.free[w.RuntimeID]
		if i, found := slices.BinarySearchFunc(free, ranked{rank(x.engine, e.id), e}, compareRank); found {
			x.free[w.RuntimeID] = slices.Delete(free, i, i+1)
		}
		if len(x.free[w.RuntimeID]) == 0 {
			delete(x.free, w.RuntimeID)
		}
	}
	e.listed = false
}

func subtract(from map[string]int, key string, n int) {
	if from[key] -= n; from[key] == 0 {
		delete(from, key)
	}
}

func (x *Index) markUnknown(projectID string, key faas.Key) {
	of := x.unknown[projectID]
	if of == nil {
		of = map[faas.Key]struct{}{}
		x.unknown[projectID] = of
	}
	of[key] = struct{}{}
}

func (x *Index) unmarkUnknown(projectID string, key faas.Key) {
	if delete(x.unknown[projectID], key); len(x.unknown[projectID]) == 0 {
		delete(x.unknown, projectID)
	}
}

// setMemory has the workers of a key count as so many bytes each; it is forgotten with the key's
// last worker.
func (x *Index) setMemory(key faas.Key, bytes int64) {
	if old, known := x.known[key]; known && old == bytes || len(x.own[key]) == 0 {
		return
	}
	x.known[key] = bytes
	for _, e := range x.own[key] {
		x.visits++
		x.memory[e.as.ProjectID] += bytes - e.bytes
		e.bytes = bytes
		x.unmarkUnknown(e.as.ProjectID, key)
	}
}

// refresh lists again the workers whose time has come: those lost a while ago, and servers that
// came up and were never shown. The lock is held.
func (x *Index) refresh() {
	if len(x.timed) == 0 {
		return
	}
	now := x.now()
	for id, at := range x.timed {
		x.visits++
		if now.Before(at) {
			continue
		}
		delete(x.timed, id)
		if e := x.entries[id]; e != nil && e.shown == nil {
			x.remove(id)
		} else if e != nil {
			x.change(id, func(*entry) {})
		}
	}
}

// rank orders generic workers differently from engine to engine (rendezvous hashing), so that
// several that claim at the same time seldom try the same one.
func rank(engine, workerID string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(engine + "\x00" + workerID)) // never fails
	return h.Sum64()
}

func compareRank(a, b ranked) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.entry.id, b.entry.id))
}

package fleet

import (
	"maps"
	"slices"

	"github.com/openstack-faas/faas/internal/faas"
)

// Index answers what a request needs to know of the workers, without looking at all of them. It is
// safe for concurrent use.
type Index struct{ set *workerSet }

// Claimed returns how many workers are functions' own, those that are reserved or come up among
// them.
func (x Index) Claimed() int {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	return x.set.owned.count
}

// HeldBy returns how many of them are a project's.
func (x Index) HeldBy(projectID string) int {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	return x.set.owned.held[projectID]
}

// Holders returns how many projects have workers.
func (x Index) Holders() int {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	return len(x.set.owned.held)
}

// Held returns how many workers each project has that has some.
func (x Index) Held() map[string]int {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	x.set.visits += len(x.set.owned.held)
	return maps.Clone(x.set.owned.held)
}

// Memory returns how much memory the project's workers may use together, in bytes. A worker whose
// function is not known counts as the least that a function asks for.
func (x Index) Memory(projectID string) int64 {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	return x.set.owned.memory[projectID]
}

// MemoryOf returns the memory of the workers of those functions, in bytes by project. It looks at
// every function that has workers.
func (x Index) MemoryOf(owns func(functionID string) bool) map[string]int64 {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	sums := map[string]int64{}
	for key, own := range x.set.owned.of {
		if !owns(key.FunctionID) {
			continue
		}
		for _, e := range own {
			x.set.visits++
			sums[e.as.ProjectID] += e.bytes
		}
	}
	return sums
}

// UnknownMemory returns the keys of the project's workers of which SetMemory was not told.
func (x Index) UnknownMemory(projectID string) []faas.Key {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	return slices.Collect(maps.Keys(x.set.owned.unknown[projectID]))
}

// SetMemory has the workers of a key count as so many bytes each. It is forgotten with the key's
// last worker.
func (x Index) SetMemory(key faas.Key, bytes int64) {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	x.set.setMemory(key, bytes)
}

// CountOwn returns how many workers a key has.
func (x Index) CountOwn(key faas.Key) int {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	return len(x.set.owned.of[key])
}

// CountFunction returns how many workers the key's function has, those of all its versions together.
func (x Index) CountFunction(key faas.Key) int {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	x.set.visits += len(x.set.owned.keys[key.FunctionID])
	return x.set.owned.countFunction(key)
}

// FindOwn returns a worker of the key for which is holds; ok is false when there is none. is must
// not call the index.
func (x Index) FindOwn(key faas.Key, is func(faas.Worker) bool) (w faas.Worker, ok bool) {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	for _, e := range x.set.owned.of[key] {
		if x.set.visits++; is(e.as) {
			return e.as, true
		}
	}
	return w, false
}

// Free returns the runtime's generic worker that this engine tries first.
func (x Index) Free(runtimeID string) (w faas.Worker, ok bool) {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	x.set.refresh()
	if free := x.set.free.of[runtimeID]; len(free) > 0 {
		x.set.visits++
		return free[0].entry.as, true
	}
	return w, false
}

// FirstFree returns the generic workers that this engine tries first, one of each runtime that has
// some, in no order.
func (x Index) FirstFree() []faas.Worker {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	x.set.refresh()
	first := make([]faas.Worker, 0, len(x.set.free.of))
	for _, free := range x.set.free.of {
		x.set.visits++
		first = append(first, free[0].entry.as)
	}
	return first
}

// AnyFree reports whether any runtime has a generic worker that is ready.
func (x Index) AnyFree() bool {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	x.set.refresh()
	return len(x.set.free.of) > 0
}

// Workers returns every worker that is of use, in no order. Those that this engine has reserved
// count as their function's, ready when they take calls; those that take no more calls are left
// out. The slice is the caller's. It looks at all workers: it is for loops, not for requests.
func (x Index) Workers() []faas.Worker {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	x.set.refresh()
	all := make([]faas.Worker, 0, len(x.set.entries))
	for _, e := range x.set.entries {
		if x.set.visits++; e.listed {
			all = append(all, e.as)
		}
	}
	return all
}

// unclaimed returns the workers that are generic and ready as far as the orchestrator knows, and
// that this engine has not reserved.
func (x Index) unclaimed() []faas.Worker {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	var generic []faas.Worker
	for _, e := range x.set.entries {
		if x.set.visits++; e.shown != nil && e.shown.Generic() && e.shown.Ready && e.reservation == nil && !e.drained {
			generic = append(generic, *e.shown)
		}
	}
	return generic
}

// Visits returns how many workers were looked at since the index was made. Tests hold by it that
// what a request costs does not depend on how many workers there are.
func (x Index) Visits() int {
	x.set.mu.Lock()
	defer x.set.mu.Unlock()
	return x.set.visits
}

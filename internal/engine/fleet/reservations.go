package fleet

import (
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// reservations remembers which generic workers this engine has taken and the orchestrator does not show as such yet. It only keeps
// the engine's own requests from running into each other: between engines, the agent itself lets one win.
type reservations struct {
	mu      sync.Mutex
	taken   map[string]*reservation // by worker id
	lost    map[string]time.Time    // workers that others have claimed, and when that was found
	drained map[string]struct{}     // workers that take no more calls and are about to be gone
}

// reservation is one worker that was taken.
type reservation struct {
	key       faas.Key
	projectID string
	ready     bool // it was specialised: calls can be sent to it
	told      bool // the orchestrator was told
}

func newReservations() reservations {
	return reservations{taken: map[string]*reservation{}, lost: map[string]time.Time{}, drained: map[string]struct{}{}}
}

// reserve takes a worker for a target and reports whether it was free.
func (r *reservations) reserve(workerID string, target faas.Target) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken[workerID] != nil {
		return false
	}
	r.taken[workerID] = &reservation{key: target.Key, projectID: target.ProjectID}
	return true
}

// holds reports whether this engine has taken a worker.
func (r *reservations) holds(workerID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken[workerID] != nil
}

// specialised says that a reserved worker takes calls.
func (r *reservations) specialised(workerID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.taken[workerID]; one != nil {
		one.ready = true
	}
}

// told says that the orchestrator knows of the claim. It is remembered until the orchestrator shows it, too.
func (r *reservations) told(workerID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.taken[workerID]; one != nil {
		one.told = true
	}
}

func (r *reservations) release(workerID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.taken, workerID)
}

// lostFor is how long a worker that another has claimed is left alone: by then the orchestrator shows whose it is.
const lostFor = 5 * time.Second

// claimedElsewhere gives up a worker that another engine has claimed.
func (r *reservations) claimedElsewhere(workerID string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.taken, workerID)
	r.lost[workerID] = now
}

// drain says that a worker takes no more calls.
func (r *reservations) drain(workerID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drained[workerID] = struct{}{}
}

// withoutDrained leaves out the workers that take no more calls, and forgets those that are gone.
func (r *reservations) withoutDrained(workers []faas.Worker) []faas.Worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	still := make(map[string]struct{}, len(r.drained))
	workers = slices.DeleteFunc(workers, func(w faas.Worker) bool {
		_, drained := r.drained[w.ID]
		if drained {
			still[w.ID] = struct{}{}
		}
		return drained
	})
	for id := range r.drained {
		if _, there := still[id]; !there {
			delete(r.taken, id)
		}
	}
	r.drained = still
	return workers
}

// overlay marks the taken among the workers: they count as the key's own. Those that others have taken a moment ago are not ready.
// A reservation is over when the orchestrator was told of it and shows the worker as claimed, or shows it no more.
func (r *reservations) overlay(workers []faas.Worker, now time.Time) []faas.Worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	generic := make(map[string]bool, len(r.taken)+len(r.lost)) // as the orchestrator still shows them
	for i, w := range workers {
		if !w.Generic() {
			continue
		}
		if one := r.taken[w.ID]; one != nil {
			generic[w.ID] = true
			workers[i].Key, workers[i].ProjectID, workers[i].Ready = one.key, one.projectID, one.ready
		} else if at, ok := r.lost[w.ID]; ok {
			generic[w.ID] = true
			workers[i].Ready = w.Ready && now.Sub(at) > lostFor
		}
	}
	for id, one := range r.taken {
		if one.told && !generic[id] {
			delete(r.taken, id)
		}
	}
	for id, at := range r.lost {
		if !generic[id] || now.Sub(at) > lostFor {
			delete(r.lost, id)
		}
	}
	return workers
}

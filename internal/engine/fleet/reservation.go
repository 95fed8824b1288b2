package fleet

import "github.com/openstack-faas/faas/internal/faas"

// reservation is a worker that this engine has taken while the orchestrator does not show it as
// claimed. It only keeps the engine's own requests from running into each other: between engines,
// the agent itself lets one win.
type reservation struct {
	key       faas.Key
	projectID string
	ready     bool // it was specialised: calls can be sent to it
	told      bool // the orchestrator was told
}

// stillNeeded returns a reservation of a worker that the orchestrator shows as claimed: nil once
// the orchestrator was told, too.
func (r *reservation) stillNeeded() *reservation {
	if r != nil && r.told {
		return nil
	}
	return r
}

// reservations takes generic workers for functions. A reservation begins with reserve, goes on with
// specialised and told, and ends with release or lose, or when the orchestrator shows the worker as
// claimed.
type reservations struct{ set *workerSet }

// reserve takes a worker for a target and reports whether it was there and free.
func (rs reservations) reserve(workerID string, target faas.Target) bool {
	s := rs.set
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[workerID]
	if e == nil || e.shown == nil || e.drained || e.reservation != nil {
		return false
	}
	s.change(workerID, func(e *entry) {
		e.reservation = &reservation{key: target.Key, projectID: target.ProjectID}
	})
	s.setMemory(target.Key, target.MemorySize)
	return true
}

// specialised says that a reserved worker takes calls.
func (rs reservations) specialised(workerID string) {
	rs.change(workerID, func(r *reservation) { r.ready = true })
}

// told says that the orchestrator knows of the claim. It is remembered until the orchestrator shows
// it, too.
func (rs reservations) told(workerID string) {
	rs.change(workerID, func(r *reservation) { r.told = true })
}

func (rs reservations) change(workerID string, to func(*reservation)) {
	s := rs.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[workerID]; e == nil || e.reservation == nil {
		return
	}
	s.change(workerID, func(e *entry) {
		to(e.reservation)
		if e.shown != nil && !e.shown.Generic() {
			e.reservation = e.reservation.stillNeeded()
		}
	})
}

// release ends a reservation.
func (rs reservations) release(workerID string) {
	rs.set.changeKnown(workerID, func(e *entry) { e.reservation = nil })
}

// lose ends the reservation of a worker that another engine has claimed.
func (rs reservations) lose(workerID string) {
	s := rs.set
	s.changeKnown(workerID, func(e *entry) {
		e.reservation, e.lostUntil = nil, s.now().Add(lostFor)
		s.timed[workerID] = e.lostUntil
	})
}

package codestore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// maxPlaces and maxPlacesOfOne bound how many packages of all projects, and of one, are held in files at a time.
	maxPlaces      = 8
	maxPlacesOfOne = 2
	// placePatience is how long a package waits for its place.
	placePatience = 10 * time.Second
	// placePause is what whoever waited in vain is told to wait.
	placePause = 5 * time.Second
)

// Places bound how much temporary space packages on their way take: one place for each that is held in a file. Those who wait are served in the order
// in which they came, but for those whose project has as many as it may. They are safe for concurrent use.
type Places struct {
	mu      sync.Mutex
	taken   int
	own     map[string]int // taken by project; none is 0
	waiting []*waiter
}

type waiter struct {
	projectID string
	turn      chan struct{} // closed when it has a place
}

// NewPlaces makes places that are all free.
func NewPlaces() *Places { return &Places{own: map[string]int{}} }

// Take waits for a place for a package of the project; leave gives it back, and may be called more than once. The error is of kind Busy when none came
// free within ten seconds or before ctx ended.
func (p *Places) Take(ctx context.Context, projectID string) (leave func(), err error) {
	w := p.stand(projectID)
	select {
	case <-w.turn: // a place that is free is had even by those who cannot wait
		return sync.OnceFunc(func() { p.leave(projectID) }), nil
	default:
	}
	late := time.NewTimer(placePatience)
	defer late.Stop()
	select {
	case <-w.turn:
		return sync.OnceFunc(func() { p.leave(projectID) }), nil
	case <-late.C:
	case <-ctx.Done():
	}
	p.giveUp(w)
	busy := faas.Errorf(faas.Busy, "Too many packages are on their way now; a project may have %d at a time.", maxPlacesOfOne).WithCause(ctx.Err())
	busy.RetryAfter = placePause
	return nil, busy
}

// stand joins the line.
func (p *Places) stand(projectID string) *waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &waiter{projectID: projectID, turn: make(chan struct{})}
	p.waiting = append(p.waiting, w)
	p.serve()
	return w
}

// giveUp leaves the line, or the place that was given at the same moment.
func (p *Places) giveUp(w *waiter) {
	p.mu.Lock()
	at := slices.Index(p.waiting, w)
	if at >= 0 {
		p.waiting = slices.Delete(p.waiting, at, at+1)
	}
	p.mu.Unlock()
	if at < 0 {
		p.leave(w.projectID)
	}
}

func (p *Places) leave(projectID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.own[projectID]--; p.own[projectID] == 0 {
		delete(p.own, projectID)
	}
	p.serve()
}

// serve gives free places to those who may have one. The caller holds the lock.
func (p *Places) serve() {
	p.waiting = slices.DeleteFunc(p.waiting, func(w *waiter) bool {
		if p.taken == maxPlaces || p.own[w.projectID] == maxPlacesOfOne {
			return false
		}
		p.taken++
		p.own[w.projectID]++
		close(w.turn)
		return true
	})
}

package dispatch

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// growth is a group's search for more workers.
type growth struct {
	running int       // acquisitions under way
	timed   bool      // a look at the queue is due
	since   time.Time // when the queue was last empty
	last    error     // why the latest acquisition found none; nil when it did
	scarce  bool      // the latest found none: one acquisition at a time is enough until one does
}

// growAfter is how long some call or other must have been waiting for a slot of the workers there are before more workers are asked
// for: about what specialising one takes, so that a burst of short calls does not take workers that come too late to serve it.
const growAfter = 10 * time.Millisecond

// maxAcquiring bounds how many workers one function's callers ask for at a time.
const maxAcquiring = 8

// askFor is how long one request for a worker stands in line before it is made again, so that whoever has the workers knows
// whether anybody still waits.
const askFor = time.Second

// backoff bounds for asking again when there was no room.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
)

// wanted is how many acquisitions should be under way when so many calls wait for long enough.
func wanted(waiting, slots int) int {
	return min((waiting+slots-1)/slots, maxAcquiring)
}

// grow asks for workers if calls wait: at once when the group has none, else after growAfter.
func (g *group) grow() {
	if len(g.waiters) == 0 || g.d.ctx.Err() != nil {
		return
	}
	if len(g.workers) == 0 {
		g.acquire(wanted(len(g.waiters), g.slots()))
		return
	}
	if g.growth.timed {
		return
	}
	g.growth.timed = true
	time.AfterFunc(growAfter, func() {
		g.d.mu.Lock()
		defer g.d.mu.Unlock()
		g.growth.timed = false
		g.look()
	})
}

// look asks for workers for those who wait if somebody has waited all along since growAfter ago, and looks again while any wait.
func (g *group) look() {
	if len(g.waiters) > 0 && g.d.ctx.Err() == nil && time.Since(g.growth.since) >= growAfter {
		g.acquire(wanted(len(g.waiters), g.slots()))
	}
	g.grow()
}

// slots is how many calls one worker takes, as far as is known.
func (g *group) slots() int {
	if len(g.workers) > 0 {
		return g.workers[0].Slots
	}
	return faas.DefaultConcurrency
}

// acquire brings the number of acquisitions under way up to n.
func (g *group) acquire(n int) {
	if g.growth.scarce {
		n = min(n, 1)
	}
	for g.growth.running < n {
		g.growth.running++
		g.d.done.Add(1)
		go g.acquireOne(firstPause)
	}
}

// acquireOne asks for one worker, again and again while calls wait and none is had.
func (g *group) acquireOne(pause time.Duration) {
	defer g.d.done.Done()
	for {
		g.d.mu.Lock()
		req := g.request()
		g.d.mu.Unlock()
		begun := time.Now()
		ctx, cancel := context.WithTimeout(g.d.ctx, askFor)
		w, err := g.d.cfg.Acquire(ctx, req)
		cancel()
		if g.settle(w, err) {
			return
		}
		if time.Since(begun) > askFor/2 {
			pause = firstPause // it has stood in line: the pause was there
		}
		select {
		case <-time.After(pause):
		case <-g.d.ctx.Done():
		}
		pause = min(pause*2, lastPause)
	}
}

// settle takes an acquisition's result in; it returns true when the acquisition is over.
func (g *group) settle(w faas.Worker, err error) bool {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	g.growth.last, g.growth.scarce = err, err != nil
	if err != nil && len(g.waiters) > 0 && g.d.ctx.Err() == nil {
		if !passing(err) {
			g.hopeless(err)
		}
		if len(g.waiters) > 0 && g.growth.running == 1 { // those whom hopeless leaves wait for the workers there are
			return false
		}
	}
	g.growth.running--
	if err == nil {
		g.add(w)
	}
	g.grow() // for those whom the worker has no slot for: it may even be one that was known
	g.tidy()
	return true
}

// hopeless ends every wait if no worker is there to end them.
func (g *group) hopeless(err error) {
	if faas.KindOf(err) != faas.Outdated {
		g.d.cfg.Log.Warn("no worker can be had", "function_id", g.target.Key.FunctionID, "error", err)
	}
	if len(g.workers) == 0 {
		g.fail(err)
	}
}

func passing(err error) bool {
	k := faas.KindOf(err)
	return k == faas.Busy || k == faas.Unavailable
}

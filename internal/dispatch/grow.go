package dispatch

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tracing"
)

// growth is a group's search for more workers.
type growth struct {
	running int   // acquisitions under way
	timed   bool  // a look at the queue is due
	last    error // why the latest acquisition found none; nil when it did
	scarce  bool  // the latest found none: one acquisition at a time is enough until one does
}

// One more worker must be worth it. It comes after what acquiring one takes, and starting its
// successor in the pool takes processor time from the calls under way. So a group that has workers
// grows only when the call at the head of its queue has waited for growthFactor times as long as
// acquisitions took of late: a queue that drains faster is served sooner by the workers there are.
const (
	minGrowAfter = 10 * time.Millisecond // what acquiring takes on an idle machine, and some room
	maxGrowAfter = 200 * time.Millisecond
	growthFactor = 2
)

// startCost is how long acquisitions that found a worker took of late: an exponentially weighted
// mean, of which each new one is an eighth. The dispatcher's lock guards it.
type startCost struct{ mean time.Duration }

func (c *startCost) add(took time.Duration) {
	if c.mean == 0 {
		c.mean = took
	}
	c.mean += (took - c.mean) / 8
}

// growAfter is how long the head of a queue must have waited for its group to grow.
func (c *startCost) growAfter() time.Duration {
	return min(max(growthFactor*c.mean, minGrowAfter), maxGrowAfter)
}

// maxAcquiring bounds the acquisitions of one function that are under way at a time.
const maxAcquiring = 8

// acquireTimeout is how long one request for a worker waits before it is repeated. A short one
// shows the engine that calls still wait: requests of callers that have left end soon.
const acquireTimeout = time.Second

// The bounds of the pause before an acquisition is tried again that found no room.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
)

// wanted is how many acquisitions should be under way when so many calls wait for long enough.
func wanted(waiting, slots int) int {
	return min((waiting+slots-1)/slots, maxAcquiring)
}

// grow acquires workers if calls wait: at once when the group has no worker, else when one more is
// worth it.
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
	time.AfterFunc(max(g.d.starts.growAfter()-g.headWait(), minLook), func() {
		g.d.mu.Lock()
		defer g.d.mu.Unlock()
		g.growth.timed = false
		g.look()
	})
}

// minLook is the least time between two looks at a queue.
const minLook = 2 * time.Millisecond

// headWait is how long the call at the head of the queue has waited; 0 when none waits.
func (g *group) headWait() time.Duration {
	if len(g.waiters) == 0 {
		return 0
	}
	return g.d.cfg.Now().Sub(g.waiters[0].since)
}

// look acquires workers if that is worth it, and looks again while calls wait.
func (g *group) look() {
	if len(g.waiters) > 0 && g.d.ctx.Err() == nil && g.headWait() >= g.d.starts.growAfter() {
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

// acquireOne acquires one worker. It tries again and again while calls wait and there is none.
func (g *group) acquireOne(pause time.Duration) {
	defer g.d.done.Done()
	for {
		g.d.mu.Lock()
		req, ctx := g.request(), g.d.ctx
		if len(g.waiters) > 0 { // it is for all of them, and told in the trace of the first
			ctx = tracing.Within(ctx, g.waiters[0].trace)
		}
		g.d.mu.Unlock()
		begun := g.d.cfg.Now()
		ctx, cancel := context.WithTimeout(ctx, acquireTimeout)
		ctx, span := tracing.Start(ctx, "look for a worker")
		w, err := g.d.cfg.Acquire(ctx, req)
		span.Set("faas.worker_id", w.ID)
		span.End(err)
		cancel()
		took := g.d.cfg.Now().Sub(begun)
		g.d.metrics.acquired(took, err)
		if g.acquired(w, took, err) {
			return
		}
		if took > acquireTimeout/2 {
			pause = firstPause // it has waited at the owner: the pause was there
		}
		select {
		case <-time.After(pause):
		case <-g.d.ctx.Done():
		}
		pause = min(pause*2, lastPause)
	}
}

// acquired takes in the result of a request for a worker, and reports whether the search is over.
func (g *group) acquired(w faas.Worker, took time.Duration, err error) bool {
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
		g.d.starts.add(took)
		g.add(w)
	}
	g.grow() // for those whom the worker has no slot for: it may even be one that was known
	g.tidy()
	return true
}

// hopeless ends every wait if no worker is there to end them.
func (g *group) hopeless(err error) {
	if faas.KindOf(err) != faas.Outdated {
		g.d.cfg.Log.Warn(
			"no worker could be acquired for a function whose calls wait; it is tried again", "function_id",
			g.target.Key.FunctionID, "error", err,
		)
	}
	if len(g.workers) == 0 {
		g.fail(err)
	}
}

func passing(err error) bool {
	k := faas.KindOf(err)
	return k == faas.Busy || k == faas.Unavailable
}

package pools

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Requests for workers wait at the owners of their functions, and a pool is kept by the owner of its
// runtime. So each engine tells the owners of runtimes how many workers are wanted of it, and these
// are started at once, beside the pool: see orchestrator.Extender.

const (
	// growPause is the least time between two looks at who waits.
	growPause = 50 * time.Millisecond
	// tellPause is the most, while some do.
	tellPause = 500 * time.Millisecond
	// waitingFor is how long what an engine has told holds: it may have ended.
	waitingFor = 3 * time.Second
)

// waiting is how many more workers are wanted, and which were started for that.
type waiting struct {
	mu    sync.Mutex
	told  map[string]map[string]toldWaiting // by runtime and engine
	extra map[string]bool                   // by worker's id: that it is known to the fleet
}

type toldWaiting struct {
	n  int
	at time.Time
}

// hear takes in what an engine has told.
func (w *waiting) hear(news faas.WorkersAwaited, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told == nil {
		w.told = map[string]map[string]toldWaiting{}
	}
	if w.told[news.RuntimeID] == nil {
		w.told[news.RuntimeID] = map[string]toldWaiting{}
	}
	w.told[news.RuntimeID][news.Engine] = toldWaiting{news.Waiting, now}
}

// now returns how many are wanted of each runtime of which some are.
func (w *waiting) now(now time.Time) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	wanted := map[string]int{}
	for runtimeID, engines := range w.told {
		maps.DeleteFunc(engines, func(_ string, told toldWaiting) bool {
			return told.n <= 0 || now.Sub(told.at) > waitingFor
		})
		if len(engines) == 0 {
			delete(w.told, runtimeID)
		}
		for _, told := range engines {
			wanted[runtimeID] += told.n
		}
	}
	return wanted
}

// addExtra says that workers were started beside their pool, and that the fleet knows them.
func (w *waiting) addExtra(ids []string, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.extra == nil {
		w.extra = map[string]bool{}
	}
	for _, id := range ids {
		w.extra[id] = known
	}
}

func (w *waiting) isExtra(workerID string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, is := w.extra[workerID]
	return is
}

// keepExtra forgets those that were known and are not among these any more.
func (w *waiting) keepExtra(ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := make(map[string]bool, len(ids))
	for id, known := range w.extra {
		if !known {
			now[id] = false
		}
	}
	for _, id := range ids {
		now[id] = true
	}
	w.extra = now
}

// Awaited says that requests for workers wait with this engine.
func (p *Pools) Awaited() { p.awaited.Wake() }

// HearWaiting takes in what an engine tells of the workers that are wanted of it, and what an API
// tells of functions that were made.
func (p *Pools) HearWaiting(body []byte) {
	var news faas.WorkersAwaited
	if json.Unmarshal(body, &news) != nil || news.Engine == p.cfg.Name || !p.cfg.Owns(news.RuntimeID) {
		return
	}
	if news.Made > 0 {
		p.sizes.expect(news.RuntimeID, news.Made, p.cfg.Most, p.cfg.Now())
		p.news.Wake()
		return
	}
	p.waiting.hear(news, p.cfg.Now())
	p.awaited.Wake()
}

// Grow starts the workers that are wanted of this engine's runtimes, and tells the owners of others,
// until ctx ends.
func (p *Pools) Grow(ctx context.Context) {
	told := map[string]int{}
	for ctx.Err() == nil {
		var again <-chan time.Time
		if len(told) > 0 {
			again = time.After(tellPause)
		}
		select {
		case <-ctx.Done():
			return
		case <-p.awaited:
		case <-again:
		}
		told = p.grow(ctx, told)
		background.Sleep(ctx, growPause)
	}
}

// grow looks once. told is what was wanted last; it returns what is now. Workers are looked at
// before requests: one that is claimed in between counts twice, and no worker is started in vain.
func (p *Pools) grow(ctx context.Context, told map[string]int) map[string]int {
	generic, claimed := p.count()
	wanted := p.cfg.Wanted()
	for id := range told {
		if wanted[id] == 0 && !p.cfg.Owns(id) {
			p.tell(ctx, id, 0)
		}
	}
	all := p.waiting.now(p.cfg.Now())
	for id, n := range wanted {
		if p.cfg.Owns(id) {
			all[id] += n
		} else {
			p.tell(ctx, id, n)
		}
	}
	p.sizes.waits(all, p.cfg.Now())
	for id, n := range all {
		has := generic[id]
		// The pool is refilled by itself, a moment after its workers were claimed.
		own := max(has.pool, p.sizes.size(id))
		more := min(n-own-has.extra, p.cfg.Workers-claimed-has.pool-has.extra, p.cfg.Extra-has.extra)
		if more > 0 && p.sizes.beginExtending(id) {
			p.extend(id, more)
		}
	}
	maps.Copy(all, wanted)
	maps.DeleteFunc(all, func(_ string, n int) bool { return n <= 0 })
	return all
}

// unclaimed is how many generic workers a runtime has, starting or ready.
type unclaimed struct {
	pool  int // what makes up its size
	extra int // what was started beside that
}

// count returns how many generic workers of each runtime there are, and how many functions have. It
// forgets the workers that were started beside a pool and are functions' own now, or have ended.
func (p *Pools) count() (generic map[string]unclaimed, claimed int) {
	generic = map[string]unclaimed{}
	var extra []string
	for _, w := range p.cfg.Fleet.Workers() {
		if !w.Generic() {
			claimed++
			continue
		}
		has := generic[w.RuntimeID]
		if p.waiting.isExtra(w.ID) {
			extra = append(extra, w.ID)
			has.extra++
		} else {
			has.pool++
		}
		generic[w.RuntimeID] = has
	}
	p.waiting.keepExtra(extra)
	return generic, claimed
}

// tell announces to the owner of a runtime how many workers are wanted of it. What is lost is
// announced again.
func (p *Pools) tell(ctx context.Context, runtimeID string, n int) {
	body, _ := json.Marshal(faas.WorkersAwaited{Engine: p.cfg.Name, RuntimeID: runtimeID, Waiting: n}) // cannot fail
	if err := p.cfg.Tell(ctx, runtimeID, body); err != nil && ctx.Err() == nil {
		p.log.Warn("who waits for workers of a runtime cannot be told", "runtime_id", runtimeID, "error", err)
	}
}

// extend starts workers beside a pool, in the background. The pool is marked as being extended until
// they count.
func (p *Pools) extend(runtimeID string, n int) {
	p.cfg.Group.Go("start workers that are waited for", func(ctx context.Context) {
		defer p.awaited.Wake()
		defer p.sizes.endExtending(runtimeID)
		extender, is := p.cfg.Orchestrator.(orchestrator.Extender)
		if !is {
			return
		}
		r, err := p.cfg.Runtimes.Runtime(ctx, faas.AnyProject(), runtimeID)
		if err == nil && r.Status != faas.RuntimeAvailable {
			return
		}
		var ids []string
		if err == nil {
			ids, err = extender.Extend(ctx, poolOf(r, n), n)
			p.waiting.addExtra(ids, false)
			p.awaitShown(ctx, ids)
			p.waiting.addExtra(ids, true)
		}
		switch {
		case ctx.Err() != nil || faas.KindOf(err) == faas.NotFound:
		case err != nil:
			p.log.Warn("workers that are waited for could not be started",
				"runtime_id", runtimeID, "workers", n, "error", err)
			background.Sleep(ctx, extendPause)
		default:
			p.log.Info("started workers that are waited for", "runtime_id", runtimeID, "workers", len(ids))
		}
	})
}

// shownWithin bounds how long it is waited for workers that were started to be known here.
const shownWithin = 2 * time.Second

// awaitShown waits until the fleet knows the workers: until then it would seem that they were still
// to be started.
func (p *Pools) awaitShown(ctx context.Context, ids []string) {
	ctx, cancel := context.WithTimeout(ctx, shownWithin)
	defer cancel()
	for ctx.Err() == nil && slices.ContainsFunc(ids, func(id string) bool { return !p.cfg.Fleet.Knows(id) }) {
		background.Sleep(ctx, 5*time.Millisecond)
	}
}

// extendPause is the pause after workers could not be started.
const extendPause = time.Second

// reduce ends the workers beside a pool that nobody has needed for a while.
func (p *Pools) reduce(runtimeID string) {
	extender, is := p.cfg.Orchestrator.(orchestrator.Extender)
	if !is {
		p.sizes.end(runtimeID)
		return
	}
	p.cfg.Group.Go("end workers that nobody waits for", func(ctx context.Context) {
		defer p.sizes.end(runtimeID)
		if err := extender.Reduce(ctx, runtimeID); err != nil && ctx.Err() == nil {
			p.log.Warn("workers beside a pool could not be ended", "runtime_id", runtimeID, "error", err)
		}
	})
}

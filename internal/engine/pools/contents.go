package pools

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// contents is what workers have said of the runtimes whose pools this engine keeps.
type contents struct {
	mu sync.Mutex
	of map[string]*said // by runtime
}

// said is what the newest worker of a runtime that was asked has said.
type said struct {
	asked                time.Time // when that worker was started; zero: none was asked
	asking               bool      // one is being asked now
	recorded             bool      // the two are in the runtime's record
	interpreter, modules string
}

func newContents() *contents { return &contents{of: map[string]*said{}} }

func (c *contents) forget(runtimeID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, runtimeID)
}

// begin reports whether the worker is to be asked: it is newer than the one that was asked last, so
// that its runtime may have another image. end is to be called after it.
func (c *contents) begin(w faas.Worker) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.of[w.RuntimeID]
	if s == nil {
		s = &said{}
		c.of[w.RuntimeID] = s
	}
	if s.asking || !w.StartedAt.After(s.asked) {
		return false
	}
	s.asking = true
	return true
}

// end takes down that the worker was asked, unless another is to be.
func (c *contents) end(w faas.Worker, answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.of[w.RuntimeID]; s != nil {
		s.asking = false
		if answered {
			s.asked = w.StartedAt
		}
	}
}

// keep drops what is known of other runtimes than those: another engine keeps their pools.
func (c *contents) keep(owns func(runtimeID string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.of {
		if !owns(id) {
			delete(c.of, id)
		}
	}
}

// isNews reports whether this is not what is recorded of the runtime, as far as this engine knows.
func (c *contents) isNews(runtimeID, interpreter, modules string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.of[runtimeID]
	return s == nil || !s.recorded || s.interpreter != interpreter || s.modules != modules
}

func (c *contents) record(runtimeID, interpreter, modules string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.of[runtimeID]; s != nil {
		s.recorded, s.interpreter, s.modules = true, interpreter, modules
	}
}

// learn asks the newest generic worker of each runtime what the runtime has for functions, if it has
// not been asked: one worker of a runtime with each look at most, however many are started.
func (p *Pools) learn() {
	p.has.keep(p.cfg.Owns)
	newest := map[string]faas.Worker{}
	for _, w := range p.cfg.Fleet.Workers() {
		if w.RuntimeID != "" && w.Generic() && w.Ready && p.cfg.Owns(w.RuntimeID) &&
			w.StartedAt.After(newest[w.RuntimeID].StartedAt) {
			newest[w.RuntimeID] = w
		}
	}
	for _, w := range newest {
		if !p.has.begin(w) {
			continue
		}
		p.cfg.Group.Go("ask a worker what its runtime has", func(ctx context.Context) {
			err := p.ask(ctx, w)
			p.has.end(w, err == nil)
			if err != nil && ctx.Err() == nil {
				p.log.Debug("a worker did not say what its runtime has", "worker", w.ID, "runtime_id", w.RuntimeID, "error", err)
			}
		})
	}
}

// ask records what the worker says, if that is news. An error has the next look try again.
func (p *Pools) ask(ctx context.Context, w faas.Worker) error {
	has, err := p.cfg.Contents(ctx, w)
	var refused *dispatch.RefusedError
	if errors.As(err, &refused) && refused.Refused != faas.RefusedStarting {
		return nil // an agent of before there was the question
	}
	if err != nil {
		return err
	}
	interpreter, modules := has.Recorded()
	if !p.has.isNews(w.RuntimeID, interpreter, modules) {
		return nil
	}
	if err := p.cfg.Runtimes.SetRuntimeContents(ctx, w.RuntimeID, interpreter, modules); err != nil {
		return err
	}
	p.has.record(w.RuntimeID, interpreter, modules)
	return nil
}

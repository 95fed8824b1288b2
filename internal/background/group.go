// Package background runs the goroutines of the service that no request waits for. Each has a name,
// an owner that stops it and somebody who waits for its end, so that a process that does not end
// can say what it is still doing.
package background

import (
	"context"
	"fmt"
	"maps"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"
)

// Group is a set of named goroutines that are stopped and waited for together. Make it with New or
// Child; it is safe for concurrent use. A goroutine that panics ends the process, as any other
// does: a group recovers nothing.
type Group struct {
	name   string // as its parent lists it; "" for a group without a parent
	parent *Group
	ctx    context.Context
	stop   context.CancelFunc

	mu      sync.Mutex
	running map[string]int // goroutines by name, those of children among them
	ended   chan struct{}  // closed when none runs; nil while nobody waits
}

// New returns a group whose goroutines get a context that ends with ctx, or with Stop.
func New(ctx context.Context) *Group {
	g := &Group{running: map[string]int{}}
	g.ctx, g.stop = context.WithCancel(ctx)
	return g
}

// Child returns a group that can be stopped and waited for on its own. It stops with its parent,
// and the parent's Wait waits for its goroutines too, which the parent names "child/goroutine".
// Stop it when it is needed no longer, or the parent's context remembers it.
func (g *Group) Child(name string) *Group {
	child := New(g.ctx)
	child.name, child.parent = name, g
	return child
}

// Context returns the context that the group's goroutines get.
func (g *Group) Context() context.Context { return g.ctx }

// Go runs a function in a goroutine of the group. Several may have the same name. A group that was
// stopped runs it all the same, with a context that has ended: what was begun elsewhere may need to
// be undone.
func (g *Group) Go(name string, run func(ctx context.Context)) {
	g.add(name, 1)
	go func() {
		defer g.add(name, -1)
		// A profile or a dump of goroutines shows the label.
		pprof.Do(g.ctx, pprof.Labels("background", name), run)
	}()
}

// Every runs a function again and again in one goroutine, for the first time after the interval,
// until the group is stopped. An interval of 0 runs it once: it is a loop of its own that ends with
// its context.
func (g *Group) Every(name string, interval time.Duration, do func(ctx context.Context)) {
	if interval == 0 {
		g.Go(name, do)
		return
	}
	g.Go(name, func(ctx context.Context) {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				do(ctx)
			}
		}
	})
}

// Stop ends the context of the group's goroutines and of its children's. It waits for none.
func (g *Group) Stop() { g.stop() }

// Wait waits until no goroutine of the group runs, those begun meanwhile among them. When ctx ends
// first, the error is a *RunningError that names those that run.
func (g *Group) Wait(ctx context.Context) error {
	g.mu.Lock()
	if len(g.running) == 0 {
		g.mu.Unlock()
		return nil
	}
	if g.ended == nil {
		g.ended = make(chan struct{})
	}
	ended := g.ended
	g.mu.Unlock()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	if names := g.Running(); len(names) > 0 {
		return &RunningError{Names: names}
	}
	return nil
}

// Running returns the names of the goroutines that run, in alphabetical order, each once.
func (g *Group) Running() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.running))
}

// add counts a goroutine in the group and in all groups above it.
func (g *Group) add(name string, n int) {
	for ; g != nil; g = g.parent {
		g.count(name, n)
		name = g.name + "/" + name
	}
}

func (g *Group) count(name string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running[name] += n; g.running[name] == 0 {
		delete(g.running, name)
	}
	if len(g.running) == 0 && g.ended != nil {
		close(g.ended)
		g.ended = nil
	}
}

// RunningError says which goroutines of a group had not ended in time.
type RunningError struct{ Names []string }

// Error names the goroutines.
func (e *RunningError) Error() string {
	return fmt.Sprintf("still running: %s", strings.Join(e.Names, ", "))
}

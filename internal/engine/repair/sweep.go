package repair

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
)

// Sweep ends the workers of functions and runtimes that are no more, and of older revisions. News
// of each change go out as it happens; they may be lost.
func (r *Repairer) Sweep(ctx context.Context) {
	current := r.currentKeys(ctx)
	gone := r.goneRuntimes(ctx)
	pools := map[string]bool{}
	for _, w := range r.cfg.Fleet.Workers() {
		switch {
		case w.Generic():
			pools[w.RuntimeID] = true
		case r.cfg.Owns(w.Key.FunctionID) && w.Ready && (w.RuntimeID != "" && gone(w.RuntimeID) || !current(w.Key)):
			r.cfg.Fleet.EndIfIdle(ctx, w, 0)
		}
	}
	for id := range pools {
		if !r.cfg.Owns(id) || !gone(id) {
			continue
		}
		if err := r.cfg.DeletePool(ctx, id); err != nil {
			r.log.Warn("the pool of a deleted runtime could not be ended", "runtime_id", id, "error", err)
		}
	}
}

// currentKeys returns a function that reports whether a key is what its function is now. What
// cannot be looked up counts as such.
func (r *Repairer) currentKeys(ctx context.Context) func(faas.Key) bool {
	known := map[string]faas.Key{}
	return func(key faas.Key) bool {
		now, looked := known[key.FunctionID]
		if !looked {
			f, err := r.cfg.Store.Function(ctx, faas.AnyProject(), key.FunctionID)
			switch {
			case err == nil:
				now = f.Target().Key
			case faas.KindOf(err) != faas.NotFound:
				now = key
			}
			known[key.FunctionID] = now
		}
		return now.FunctionID != "" && (key.Version != 0 || key == now)
	}
}

// goneRuntimes returns a function that reports whether a runtime is no more.
func (r *Repairer) goneRuntimes(ctx context.Context) func(id string) bool {
	known := map[string]bool{"": false} // the workers of images have no runtime
	return func(id string) bool {
		gone, looked := known[id]
		if !looked {
			_, err := r.cfg.Store.Runtime(ctx, faas.AnyProject(), id)
			gone = faas.KindOf(err) == faas.NotFound
			known[id] = gone
		}
		return gone
	}
}

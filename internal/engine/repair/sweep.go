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

// currentKeys returns a function that reports whether a key is what its function, or the version of
// it, is now. What cannot be looked up counts as such.
func (r *Repairer) currentKeys(ctx context.Context) func(faas.Key) bool {
	known := map[faas.Key]faas.Key{} // by function and version
	return func(key faas.Key) bool {
		of := faas.Key{FunctionID: key.FunctionID, Version: key.Version}
		now, looked := known[of]
		if !looked {
			target, err := r.cfg.Functions.Target(ctx, of)
			switch {
			case err == nil:
				now = target.Key
			case faas.KindOf(err) != faas.NotFound:
				return true
			}
			known[of] = now
		}
		return key == now
	}
}

// goneRuntimes returns a function that reports whether a runtime is no more.
func (r *Repairer) goneRuntimes(ctx context.Context) func(id string) bool {
	known := map[string]bool{"": false} // the workers of images have no runtime
	return func(id string) bool {
		gone, looked := known[id]
		if !looked {
			_, err := r.cfg.Runtimes.Runtime(ctx, faas.AnyProject(), id)
			gone = faas.KindOf(err) == faas.NotFound
			known[id] = gone
		}
		return gone
	}
}

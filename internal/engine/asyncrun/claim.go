package asyncrun

import (
	"context"

	"github.com/openstack-faas/faas/internal/store"
)

// claim makes a queued execution this engine's, under a lease that RenewLeases renews until finish.
// It is seen through even when the engine is told to end meanwhile. A claim without an answer may
// have been committed, or may be yet: it is undone, and until it is, nobody claims the row here.
// The events are kept with the claim.
func (r *Runner) claim(ctx context.Context, id string, events ...store.Event) error {
	ctx = context.WithoutCancel(ctx)
	if err := r.leases.begin(id); err != nil {
		return err
	}
	_, ok, err := r.cfg.Store.Claim(ctx, id, r.cfg.Name, r.cfg.Lease, events...)
	switch {
	case err != nil:
		r.cfg.Undo.Go("give a claim back", func(context.Context) { r.release(ctx, id) })
		return err
	case !ok:
		r.leases.drop(id)
		return errNotOurs
	}
	r.leases.hold(id)
	return nil
}

// release returns an execution to the queue that was claimed, or may have been, and then not run:
// the worker that was to run it refused, and no other was had in time. Where that fails, its lease
// settles it.
func (r *Runner) release(ctx context.Context, id string) {
	defer r.leases.drop(id)
	err := persist(ctx, func(ctx context.Context) error {
		_, err := r.cfg.Store.Release(ctx, id, r.cfg.Name)
		return err
	})
	if err != nil {
		r.log.Warn("a claimed execution could not be put back into the queue; its lease ends by itself", "execution_id", id, "error", err)
	}
}

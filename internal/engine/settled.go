package engine

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const (
	// settledAtOnce is how many items may become due while the broker is told of others. Those over it
	// are found at the next look.
	settledAtOnce = 1024
	// settledFor is how long the news of one waits for others.
	settledFor = 20 * time.Millisecond
)

// dueSoon has the owner of an item of due work look at it soon: what follows an execution whose end is
// recorded, or a trigger that was woken.
func (e *Engine) dueSoon(ref string) {
	if e.shards.Owns(ref) {
		e.due.Wake()
		return
	}
	select {
	case e.settled <- ref:
	default: // the owner finds it by itself
	}
}

// WakeTrigger has a trigger be kept after the time at the latest. sooner is false when it was to be
// before already, and has not begun.
func (e *Engine) WakeTrigger(ctx context.Context, id string, after time.Duration) (sooner bool, err error) {
	sooner, err = e.cfg.Store.WakeDue(ctx, store.TriggerKeeping, id, after)
	if sooner {
		e.dueSoon(id)
	}
	return sooner, err
}

// broadcastSettled says to the owners of other shards what is due, until ctx ends. Each message goes to
// every engine, so that a shard is named once for all that has come within a moment.
func (e *Engine) broadcastSettled(ctx context.Context) {
	for {
		refs := map[int]string{} // by shard
		add := func(id string) { refs[e.cfg.Store.Shards().Of(id)] = id }
		select {
		case id := <-e.settled:
			add(id)
		case <-ctx.Done():
			return
		}
		for gathered := time.After(settledFor); gathered != nil; {
			select {
			case id := <-e.settled:
				add(id)
			case <-gathered:
				gathered = nil
			case <-ctx.Done():
				return
			}
		}
		for _, id := range refs {
			err := e.broadcast(ctx, faas.TopicWorkAdded, faas.WorkAdded{Ref: id})
			if err != nil && ctx.Err() == nil {
				e.log.Warn("what is due may be done somewhat later: its owner could not be told", "error", err)
				break
			}
		}
	}
}

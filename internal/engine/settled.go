package engine

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// settledAtOnce is how many executions may end that something follows while the broker is told of
	// others. What follows those over it is found at the next look.
	settledAtOnce = 1024
	// settledFor is how long the news of one waits for others.
	settledFor = 20 * time.Millisecond
)

// followUpDue has what follows an execution done soon: its end is recorded, and with it that this is
// due.
func (e *Engine) followUpDue(executionID string) {
	if e.shards.Owns(executionID) {
		e.due.Wake()
		return
	}
	select {
	case e.settled <- executionID:
	default: // the owner finds it by itself
	}
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
				e.log.Warn("what follows executions may be done somewhat later: its owner could not be told", "error", err)
				break
			}
		}
	}
}

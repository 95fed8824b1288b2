package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

const (
	// endedAtOnce is how many workers may end while the broker is told of others; it is not told of
	// those over it.
	endedAtOnce = 1024
	// publishTimeout bounds how long one message may take while the broker is away.
	publishTimeout = 5 * time.Second
	// gatherFor is how long the broadcast of a worker's end waits for others.
	gatherFor = 100 * time.Millisecond
)

// watchWorkers takes in what the orchestrator shows of workers, lets those who wait for workers
// look again, and has everyone told of workers that ended.
func (e *Engine) watchWorkers(ctx context.Context) {
	for changes := range e.cfg.Orchestrator.Watch(ctx) {
		e.fleet.Apply(changes)
		e.placement.Retry()
		for _, c := range changes {
			if c.Gone {
				e.workerEnded(c)
			}
		}
	}
}

// workAdded has the runner look at once for work that is due sooner than at its next look.
func (e *Engine) workAdded(body []byte) {
	var news faas.WorkAdded
	if json.Unmarshal(body, &news) == nil && e.shards.Owns(news.Ref) {
		e.due.Wake()
	}
}

func (e *Engine) workerEnded(c orchestrator.Change) {
	e.log.Info("a worker ended", "worker", c.Worker.ID, "function_id", c.Worker.Key.FunctionID, "reason", c.Reason)
	e.dispatch.Forget(c.Worker.ID)
	e.client.Forget(c.Worker)
	if !e.shards.Owns(c.Worker.Key.FunctionID) {
		return // every engine hears of it: only one broadcasts it
	}
	select {
	case e.ended <- c.Worker.ID:
	default: // the broker is away: who calls the worker finds out
	}
}

// broadcastEnded broadcasts the ends of workers until ctx ends, those together that came within a
// moment. Who calls a worker finds out by itself, too: a moment sooner or later does not matter,
// but each message goes to every process.
func (e *Engine) broadcastEnded(ctx context.Context) {
	for {
		var news faas.WorkersGone
		select {
		case id := <-e.ended:
			news.IDs = append(news.IDs, id)
		case <-ctx.Done():
			return
		}
		for gathered := time.After(gatherFor); gathered != nil; {
			select {
			case id := <-e.ended:
				news.IDs = append(news.IDs, id)
			case <-gathered:
				gathered = nil
			case <-ctx.Done():
				return
			}
		}
		if err := e.broadcast(ctx, faas.TopicWorkersGone, news); err != nil && ctx.Err() == nil {
			e.log.Warn("the end of workers could not be broadcast", "workers", len(news.IDs), "error", err)
		}
	}
}

// forgetWorkers has every process send no more calls to the workers.
func (e *Engine) forgetWorkers(ctx context.Context, ids []string) {
	for _, id := range ids {
		e.dispatch.Forget(id)
	}
	if err := e.broadcast(ctx, faas.TopicWorkersGone, faas.WorkersGone{IDs: ids}); err != nil {
		e.log.Warn("callers could not be told of workers that are to end", "workers", len(ids), "error", err)
	}
}

// broadcastChange announces a function's new revision to every engine and API, so that workers of
// older ones end.
func (e *Engine) broadcastChange(ctx context.Context, change faas.FunctionChanged) {
	if err := e.broadcast(context.WithoutCancel(ctx), faas.TopicFunction, change); err != nil {
		e.log.Warn("a function's change could not be broadcast", "function_id", change.FunctionID, "error", err)
		e.letGoOfOutdated(change)
	}
}

// tellAwaited announces to the owner of a runtime's pool how many workers are waited for here.
func (e *Engine) tellAwaited(ctx context.Context, runtimeID string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return e.cfg.Broker.Broadcast(ctx, faas.TopicWorkersAwaited(e.cfg.Store.Shards().Of(runtimeID)), body)
}

func (e *Engine) broadcast(ctx context.Context, topic string, news any) error {
	body, err := json.Marshal(news)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return e.cfg.Broker.Broadcast(ctx, topic, body)
}

// functionChanged handles the news that a function has a new revision, or was deleted.
func (e *Engine) functionChanged(body []byte) {
	var change faas.FunctionChanged
	if err := json.Unmarshal(body, &change); err != nil {
		e.log.Error("news of a function is malformed", "error", err)
		return
	}
	e.letGoOfOutdated(change)
	if change.Private && e.shards.Owns(change.FunctionID) { // every engine hears of it
		e.images.Forget(change.FunctionID)
	}
}

// letGoOfOutdated sends no more calls to the workers of what is not to be run any more, and ends the
// calls of a function or a version that was deleted; the owner of the function's shard ends the workers.
func (e *Engine) letGoOfOutdated(change faas.FunctionChanged) {
	e.dispatch.FunctionChanged(change)
	e.images.FunctionChanged(change)
	e.repair.FunctionChanged(change)
}

// callCancelled handles the news that an execution was cancelled.
func (e *Engine) callCancelled(body []byte) {
	var news faas.Cancellation
	if err := json.Unmarshal(body, &news); err != nil {
		e.log.Error("news of a cancelled execution is malformed", "error", err)
		return
	}
	e.cancelCall(news.ExecutionID)
}

// cancelCall ends the call of an execution, on a worker or in a container, if it runs from here.
func (e *Engine) cancelCall(executionID string) {
	e.dispatch.Cancel(executionID)
	e.images.Cancel(executionID)
}

// checkObjects looks at the objects in Swift of the functions that run here.
func (e *Engine) checkObjects(ctx context.Context) {
	seen := map[faas.Key]bool{}
	var running []faas.Key
	for _, w := range e.fleet.Workers() {
		if !w.Generic() && w.Key.Version == 0 && e.shards.Owns(w.Key.FunctionID) && !seen[w.Key] {
			seen[w.Key] = true
			running = append(running, w.Key)
		}
	}
	e.preparation.CheckObjects(ctx, running)
}

package asyncrun

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const (
	// publishTimeout bounds how long one message may take while the broker is away.
	publishTimeout = 5 * time.Second
	// longestTrust is how long a message is trusted at most before it is taken for lost.
	longestTrust = 5 * time.Minute
)

// PublishAgain publishes the message of an execution that nobody has claimed: it is taken for lost.
// It is due work, for as long as the execution is queued. The longer the execution has waited, the
// longer its messages are trusted: a long queue is not published as a whole each minute.
//
// The message of a project that waits for its turn here, while its lane is backed up, is not lost
// but far back. An execution whose project has nothing here while its lane is full of others' is
// run from here: its message would have to pass all of theirs.
func (r *Runner) PublishAgain(ctx context.Context, i store.DueItem) (duework.Next, error) {
	x, err := r.cfg.Store.Execution(ctx, faas.AnyProject(), i.Ref)
	if faas.KindOf(err) == faas.NotFound || err == nil && x.Status != faas.ExecutionQueued {
		return duework.Done(), nil
	}
	if err != nil {
		return duework.Done(), err
	}
	if r.lanes.backedUp(x.ProjectID) && (r.turns.IsWaiting(x.ProjectID) || r.runDirectly(x)) {
		return duework.Again(store.WakeAfter), nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := r.cfg.Broker.Enqueue(ctx, faas.ExecutionsQueue(x.ProjectID), []byte(x.ID)); err != nil {
		return duework.Done(), err
	}
	r.tell(ctx, x, faas.StoryEvent{Kind: faas.StoryWoken, At: r.cfg.Now(), Detail: "no engine had taken it"})
	return duework.Again(min(max(store.WakeAfter, i.Age/2), longestTrust)), nil
}

// publishBatch is how many executions PublishAll looks up at a time.
const publishBatch = 1000

// PublishAll publishes the messages of all queued executions. It is for the start of a process
// whose broker has lost them with the process before.
func (r *Runner) PublishAll(ctx context.Context) {
	ids, err := []string{""}, error(nil)
	for err == nil && len(ids) > 0 {
		if ids, err = r.cfg.Store.QueuedExecutions(ctx, ids[len(ids)-1], publishBatch); err == nil {
			err = r.publish(ctx, ids)
		}
	}
	if err != nil && ctx.Err() == nil {
		r.log.Warn(
			"not all executions that were queued before can be woken at once; the others run somewhat later",
			"error", err,
		)
	}
}

func (r *Runner) publish(ctx context.Context, ids []string) error {
	for _, id := range ids {
		x, err := r.cfg.Store.Execution(ctx, faas.AnyProject(), id)
		if faas.KindOf(err) == faas.NotFound {
			continue
		}
		if err == nil {
			err = r.cfg.Broker.Enqueue(ctx, faas.ExecutionsQueue(x.ProjectID), []byte(id))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// runDirectly runs a row without a message, and reports whether there was room to. What it cannot
// do now another look does.
func (r *Runner) runDirectly(x faas.Execution) bool {
	leave, ok := r.direct.TryEnter(x.ProjectID)
	if !ok {
		return false
	}
	r.cfg.Intake.Go("run an execution without a message", func(ctx context.Context) {
		defer leave()
		if err := r.runWhenTurn(ctx, x); err != nil {
			r.log.Info("a queued execution could not be run yet", "execution_id", x.ID, "project_id", x.ProjectID, "error", err)
		}
	})
	return true
}

package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const (
	// wakeBatch is how many rows one look takes.
	wakeBatch = 500
	// publishPatience bounds how long one message may take while the broker is away.
	publishPatience = 5 * time.Second
)

// wake publishes queued executions again whose message was lost.
func (e *Engine) wake(ctx context.Context) {
	if !e.cfg.Broker.Durable() {
		e.wakeUp(ctx, store.WakeAfter) // the messages ended with the process before: wake all
	}
	every(ctx, e.cfg.Limits.Reap, func(ctx context.Context) { e.wakeUp(ctx, 0) })
}

// wakeUp publishes the queued executions again whose message is taken for lost now, or will be within the time. Those of a project that waits at the gate while its lane
// is backed up are passed over: their messages are not lost, only far back.
func (e *Engine) wakeUp(ctx context.Context, within time.Duration) {
	for ctx.Err() == nil {
		ids, err := e.cfg.Store.TakeStale(ctx, within, wakeBatch, e.backedUp()...)
		if err != nil && ctx.Err() == nil {
			e.log.Warn("queued executions could not be looked up", "error", err)
		}
		for _, id := range ids {
			if err := e.wakeOne(ctx, id); err != nil {
				if ctx.Err() == nil {
					e.log.Warn("a queued execution could not be published again; the others wait too", "execution_id", id, "error", err)
				}
				return
			}
		}
		if len(ids) < wakeBatch {
			return
		}
	}
}

// wakeOne publishes one row again. One whose project has nothing here while its lane is full of others' is run from here: its message would have to pass all of
// theirs.
func (e *Engine) wakeOne(ctx context.Context, id string) error {
	x, err := e.cfg.Store.Execution(ctx, faas.AnyProject(), id)
	if faas.KindOf(err) == faas.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if e.lanes.backedUp(x.ProjectID) && !slices.Contains(e.gate.crowd(), x.ProjectID) && e.direct.run(x.ProjectID, func() { e.runDirect(ctx, x) }) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishPatience)
	defer cancel()
	return e.cfg.Broker.Enqueue(ctx, faas.ExecutionsQueue(x.ProjectID), []byte(id))
}

// runDirect runs a row without a message. What it cannot do now another look does.
func (e *Engine) runDirect(ctx context.Context, x faas.Execution) {
	if err := e.runWhenTurn(ctx, x); err != nil {
		e.log.Info("a queued execution could not be run yet", "execution_id", x.ID, "project_id", x.ProjectID, "error", err)
	}
}

// backedUp gives the projects that wait at the gate while their lane may hold more than this engine has taken from it.
func (e *Engine) backedUp() []string {
	return slices.DeleteFunc(e.gate.crowd(), func(project string) bool { return !e.lanes.backedUp(project) })
}

// direct are the executions that run here without a message.
type direct struct {
	most  int // at a time
	tasks sync.WaitGroup

	mu     sync.Mutex
	all    int
	of     map[string]int // by project
	closed bool
}

// directShare is the part of them that one project may have.
const directShare = 4

func (d *direct) init(most int) { d.most, d.of = most, map[string]int{} }

// run begins a task of a project's; false says that there is no room for it.
func (d *direct) run(project string, task func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.all >= d.most || d.of[project] >= max(d.most/directShare, 1) {
		return false
	}
	d.all++
	d.of[project]++
	d.tasks.Go(func() {
		defer d.end(project)
		task()
	})
	return true
}

func (d *direct) end(project string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.of[project]--; d.of[project] == 0 {
		delete(d.of, project)
	}
}

// wait lets no more begin and waits for those that run.
func (d *direct) wait() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.tasks.Wait()
}

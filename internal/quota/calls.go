package quota

import (
	"context"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Calls counts the executions that projects request and those that run, and refuses what is over a
// project's limits. Each process sends its counts to the owners of the projects' shards (share.go),
// and these send the sums to all processes (sums.go). So the counts of this process are exact, and
// those of others a few seconds old. It is safe for concurrent use.
type Calls struct {
	quotas *Quotas
	shards faas.Sharding // of projects
	now    func() time.Time

	mu   sync.Mutex
	own  map[string]*meter // by project
	sums map[string]sum    // by project

	records RecordUsage // nil: nobody counts records

	memory func() map[string]int64 // nil: no workers are this process's to count
}

// meter is the counts of one project.
type meter struct {
	running    int64    // in this process
	asked      window   // in this process, and in others as the sums say
	unreported int64    // requested here since the last report
	reports    []report // the latest, the oldest first

	reportedAsked   int64     // requested here and reported, and not in a sum yet
	reportedAskedAt time.Time // when that was last reported
}

// NewCalls makes a counter of an installation with so many shards. now is time.Now when nil.
func NewCalls(q *Quotas, shards faas.Sharding, now func() time.Time) *Calls {
	if now == nil {
		now = time.Now
	}
	return &Calls{quotas: q, shards: shards, now: now, own: map[string]*meter{}, sums: map[string]sum{}}
}

// Begin counts an execution that is requested and runs from now on; the caller calls done when it
// has ended. The error is of kind faas.Busy when the project has as many as it may.
func (c *Calls) Begin(ctx context.Context, projectID string) (done func(), err error) {
	return c.enter(ctx, projectID, true, true)
}

// Ask counts an execution that is requested and runs later.
func (c *Calls) Ask(ctx context.Context, projectID string) error {
	_, err := c.enter(ctx, projectID, true, false)
	return err
}

// Run counts an execution that was requested before and runs from now on.
func (c *Calls) Run(ctx context.Context, projectID string) (done func(), err error) {
	return c.enter(ctx, projectID, false, true)
}

// TryRun is Run by the limits that were read last. It reads nothing.
func (c *Calls) TryRun(projectID string) (done func(), err error) {
	return c.within(c.quotas.last(projectID), projectID, false, true)
}

// Refresh reads a project's limits anew, if it is time, for TryRun.
func (c *Calls) Refresh(ctx context.Context, projectID string) error {
	_, err := c.quotas.Limits(ctx, projectID)
	return err
}

// runningPause is the Retry-After of a project that has as many executions running as it may: how
// long they take is not known.
const runningPause = time.Second

func (c *Calls) enter(ctx context.Context, projectID string, asks, runs bool) (done func(), err error) {
	limits, err := c.quotas.Limits(ctx, projectID)
	if err != nil {
		return nil, err
	}
	if asks {
		if err := c.roomForRecord(ctx, limits, projectID, !runs); err != nil {
			return nil, err
		}
	}
	return c.within(limits, projectID, asks, runs)
}

func (c *Calls) within(limits faas.Amounts, projectID string, asks, runs bool) (done func(), err error) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.meter(projectID)
	if limit := limits.Limit(faas.ResourceExecutions); runs && limit != faas.Unlimited {
		if running := m.running + c.elsewhere(projectID, now); running >= limit {
			return nil, over(faas.ResourceExecutions, limit, running, runningPause)
		}
	}
	if limit := limits.Limit(faas.ResourceCalls); asks && limit != faas.Unlimited {
		if wait := m.asked.room(now, limit); wait > 0 {
			return nil, over(faas.ResourceCalls, limit, m.asked.sum, wait)
		}
	}
	if asks {
		m.asked.add(now, 1)
		m.unreported++
	}
	if !runs {
		return func() {}, nil
	}
	m.running++
	return sync.OnceFunc(func() { c.ended(projectID) }), nil
}

// over returns the error of a call that is over a limit now and may be allowed after wait.
func over(r faas.Resource, limit, used int64, wait time.Duration) error {
	e := faas.Over(r, limit, used, 1)
	e.Kind, e.RetryAfter = faas.Busy, wait
	return e
}

func (c *Calls) meter(projectID string) *meter {
	m := c.own[projectID]
	if m == nil {
		m = &meter{}
		c.own[projectID] = m
	}
	return m
}

func (c *Calls) ended(projectID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own[projectID].running-- // the meter exists: one with something running is kept
}

// CountMemory sets the function that returns the memory of the workers that this process counts, in
// bytes by project. It is reported together with the executions.
func (c *Calls) CountMemory(count func() map[string]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memory = count
}

// Use returns how many executions of a project run now, how many it asked for in the last minute,
// and the memory of its workers, as far as this process knows.
func (c *Calls) Use(projectID string) faas.Amounts {
	now, memory := c.now(), c.countMemory()[projectID]
	c.mu.Lock()
	defer c.mu.Unlock()
	use := faas.Amounts{
		faas.ResourceExecutions: c.elsewhere(projectID, now), faas.ResourceCalls: 0,
		faas.ResourceMemory: memory + c.memoryElsewhere(projectID, now),
	}
	if m := c.own[projectID]; m != nil {
		m.asked.advance(now)
		use[faas.ResourceExecutions] += m.running
		use[faas.ResourceCalls] = m.asked.sum
	}
	return use
}

func (c *Calls) countMemory() map[string]int64 {
	c.mu.Lock()
	count := c.memory
	c.mu.Unlock()
	if count == nil {
		return nil
	}
	return count()
}

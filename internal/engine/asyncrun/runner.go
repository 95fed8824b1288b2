// Package asyncrun runs asynchronous executions: it takes their messages, waits for each project's
// turn, claims the row under a lease, runs the call and records how it ended. The row is the truth,
// the message a wake-up call.
package asyncrun

import (
	"context"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/fair"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
)

// Config is what a Runner needs. Every field is required but those that say what stands in for
// them.
type Config struct {
	Name        string // of this engine, in leases
	Store       *store.Store
	Broker      broker.Broker
	Call        dispatch.Call
	Cancel      func(executionID string) // ends a call that was cancelled, if it is under way
	Followed    func(executionID string) // is told of an execution that has ended and that something follows
	Credentials *Credentials             // what functions act with in OpenStack; nil: they act for nobody
	Calls       *quota.Calls             // counts executions; nil: nobody does
	Notify      *notify.Notifier         // makes what other services are told; nil: they are told nothing
	Parallel    int                      // executions that are in hand at a time, of one project four fifths
	Lease       time.Duration            // how long an execution is this engine's without renewal
	Wait        time.Duration            // how long one attempt waits for a slot
	Intake      *background.Group
	Undo        *background.Group // of claims that are given back; they outlast the intake
	Now         func() time.Time
	Log         *slog.Logger
}

// Runner runs asynchronous executions. It is safe for concurrent use.
type Runner struct {
	cfg    Config
	log    *slog.Logger
	turns  *fair.Limiter // whose execution is in hand
	direct *fair.Limiter // of executions that run without a message
	lanes  lanes
	leases leases
}

const (
	// generosity: a project that is alone may have four of every five executions that are in hand.
	// Even a project whose calls all wait for workers keeps no other out.
	generosity = 4
	// directShare is the part of the direct runs that one project may have.
	directShare = 4
	// turnTimeout is how long a message is held while its project has no turn. Its row waits on;
	// the message comes again.
	turnTimeout = 10 * time.Minute
	// limitsTimeout bounds how long one project's limits may take to be read while its executions
	// wait.
	limitsTimeout = time.Second
)

// New returns a runner.
func New(cfg Config) *Runner {
	return &Runner{
		cfg: cfg, log: cfg.Log,
		turns:  fair.NewLimiter(cfg.Parallel, fair.Leaving(generosity), 0),
		direct: fair.NewLimiter(cfg.Parallel, fair.AtMost(max(cfg.Parallel/directShare, 1)), 0),
		lanes:  lanes{depth: laneDepth * cfg.Parallel},
		leases: newLeases(),
	}
}

// enter waits until an execution of the project may run: for its turn, and for room within the
// project's quota.
func (r *Runner) enter(ctx context.Context, project string) (leave func(), err error) {
	if r.cfg.Calls == nil {
		return r.turns.Enter(ctx, project)
	}
	if err := r.cfg.Calls.Refresh(ctx, project); err != nil {
		return nil, err
	}
	return r.turns.EnterWith(ctx, project, func() (func(), error) { return r.cfg.Calls.TryRun(project) })
}

// RetryWaiting lets in executions that waited for room within their project's quota: others of it
// end in other processes, too.
func (r *Runner) RetryWaiting(ctx context.Context) {
	if r.cfg.Calls == nil {
		return
	}
	for _, project := range r.turns.Waiting() {
		reading, cancel := context.WithTimeout(ctx, limitsTimeout)
		_ = r.cfg.Calls.Refresh(reading, project) // after an error the known limits hold; Quotas logs it
		cancel()
	}
	r.turns.Retry()
}

// Waiting returns the projects whose executions wait for a turn here.
func (r *Runner) Waiting() []string { return r.turns.Waiting() }

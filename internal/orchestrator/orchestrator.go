// Package orchestrator is how the engine has workers: it keeps each runtime's pool filled with generic ones, tells which workers
// there are, sets a claimed worker's own limits and ends it. Kubernetes does this for real; local/ does it with processes.
package orchestrator

import (
	"context"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// Pool is what a runtime's pool shall be.
type Pool struct {
	RuntimeID string
	Image     string
	Trusted   bool
	Size      int // generic workers, ready or starting, that the orchestrator keeps there by itself
}

// Orchestrator is safe for concurrent use.
type Orchestrator interface {
	// SetPool creates the pool or changes it to what is given, and returns when it has at least one ready worker or cannot
	// have one: then the error's message says why in words for the runtime's owner. A size of zero is a pool without workers.
	// After a change of image the pool's old generic workers are replaced; claimed ones stay. When no worker of the new image comes
	// up, the pool may go back to the one before: then the error is a *WentBackError.
	SetPool(ctx context.Context, pool Pool) error
	// DeletePool ends the pool and its generic workers; claimed ones stay. There being no such pool is no error.
	DeletePool(ctx context.Context, runtimeID string) error

	// Workers returns a copy of every worker known now, from memory. Whoever needs them often, or
	// all their changes, uses Watch.
	Workers() []faas.Worker
	// Watch delivers batches of changes until ctx ends or the orchestrator is closed; then the
	// channel is closed. The first batch holds every worker, and is empty if there are none. Each
	// later batch holds what changed since the one before: in order, with at most one change per
	// worker, which is its latest state. So a slow reader skips intermediate states but never misses
	// the latest; of a worker that it was not shown it does not receive the end. A reader that
	// stops reading must end ctx.
	Watch(ctx context.Context) <-chan []Change
	// Events delivers what changes with workers, from now until ctx ends, then the channel is closed. A slow reader
	// loses the oldest events: look at Workers for what is true.
	Events(ctx context.Context) <-chan Event

	// Claimed tells that the worker was specialised: it leaves its pool, which refills, and gets the function's own cpu and
	// memory. It is called after the specialisation and off the path of the call.
	Claimed(ctx context.Context, workerID string, claim Claim) error
	// Remove ends the worker at once. There being no such worker is no error. After an error it is tried again in the
	// background where that can help.
	Remove(ctx context.Context, workerID string) error

	// Token gives the secret that the worker's agent demands.
	Token(workerID string) string
	// Describe tells, a line each, which limits hold here and which do not.
	Describe() []string
	// Close lets go of everything; it ends every worker that would not outlive this process and waits for it.
	Close() error
}

// WentBackError says that no worker of a pool's new image came up and that the pool is back at the image before.
type WentBackError struct {
	Image  string // that the pool has now
	Reason error  // why it has not the one that it was given
}

// Error gives the reason and the image that the pool has.
func (e *WentBackError) Error() string {
	return strings.TrimSuffix(e.Reason.Error(), ".") + ". The pool is back at image " + e.Image + "."
}

// Unwrap gives the reason.
func (e *WentBackError) Unwrap() error { return e.Reason }

// Claim is whose a worker is now, and what its own limits are reckoned from.
type Claim struct {
	Target    faas.Target
	Footprint int64 // bytes that the warm runtime takes before any code of a function's, as the worker's agent tells; 0: not known
}

// Event is one change of one worker.
type Event struct {
	Kind   EventKind
	Worker faas.Worker
	Reason string // for Gone: why, in a few words
}

// EventKind tells what happened to a worker.
type EventKind string

// The kinds of event.
const (
	Ready EventKind = "ready" // a generic worker can be claimed
	Gone  EventKind = "gone"  // it ended: removed, crashed or replaced
)

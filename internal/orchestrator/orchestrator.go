// Package orchestrator is the interface between the engine and what runs its workers. An
// orchestrator keeps each runtime's pool filled with generic workers, shows which workers there
// are, sets the limits of a claimed worker and ends it. Package kubernetes does that with pods,
// package local with processes.
package orchestrator

import (
	"context"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// Pool is the wanted state of a runtime's pool.
type Pool struct {
	RuntimeID string
	Image     string
	Trusted   bool
	Placement faas.Placement // where there are several clusters: the labels that one must have; "": any
	Size      int            // generic workers, ready or starting, that the orchestrator keeps there by itself
}

// Orchestrator runs workers. It is safe for concurrent use.
type Orchestrator interface {
	// SetPool creates or changes the pool and returns when it has at least one ready worker or
	// cannot have one; then the error says why, for the runtime's owner. A pool of size 0 has no
	// workers. After a change of image the pool's old generic workers are replaced; claimed ones
	// stay. When no worker of the new image comes up, the pool may go back to the image before:
	// then the error is a *WentBackError.
	SetPool(ctx context.Context, pool Pool) error
	// DeletePool ends the pool and its generic workers; claimed ones stay. A pool that does not
	// exist is no error.
	DeletePool(ctx context.Context, runtimeID string) error

	// Workers returns a copy of every worker known now, from memory. Whoever needs them often, or
	// all their changes, uses Watch.
	Workers() []faas.Worker
	// Watch delivers batches of changes until ctx ends or the orchestrator is closed; then the
	// channel is closed. The first batch holds every worker, and is empty if there are none. Each
	// later batch holds what changed since the one before: in order, with at most one change per
	// worker, which is its latest state. So a slow reader skips intermediate states but never
	// misses the latest; of a worker that it was not shown it does not receive the end. A reader
	// that stops reading must end ctx.
	Watch(ctx context.Context) <-chan []Change
	// Events delivers what happens to workers, from now until ctx ends; then the channel is closed.
	// A slow reader loses the oldest events: what counts is what Workers returns.
	Events(ctx context.Context) <-chan Event

	// Prepare sets the limits that must hold from a function's first instruction, in a generic
	// worker that is about to become the function's. It returns at once where the pool's limits
	// will do until Claimed. An error of kind NotFound says that the worker is gone; after any
	// other the function can run, and has less than its own memory until Claimed.
	Prepare(ctx context.Context, workerID string, target faas.Target) error
	// Claimed tells the orchestrator that the worker was specialised: the worker leaves its pool,
	// which refills, and gets the function's own CPU and memory. It is called after the
	// specialisation, and no call waits for it.
	Claimed(ctx context.Context, workerID string, claim Claim) error
	// Remove ends the worker at once, also when its machine does not answer any more: then the
	// worker is gone for everybody here, whatever still runs there. A worker that does not exist is
	// no error. After an error it is tried again in the background where that can help.
	Remove(ctx context.Context, workerID string) error

	// Token returns the secret that the worker's agent demands.
	Token(workerID string) string
	// Describe returns, a line each, which limits are enforced here and which are not.
	Describe() []string
	// Close releases everything. It ends every worker that cannot outlive this process and waits
	// for its end.
	Close() error
}

// CheckUnplaced is what an orchestrator of one cluster makes of a pool's placement: there are no
// labels, so none can be asked for.
func CheckUnplaced(pool Pool) error {
	if pool.Placement == "" {
		return nil
	}
	return faas.Errorf(faas.Invalid,
		"There is one cluster here, without labels: the runtime cannot be placed by %s.", pool.Placement)
}

// ErrNoPool says that a runtime has no pool.
func ErrNoPool(runtimeID string) error {
	return faas.Errorf(faas.NotFound, "There is no pool of runtime %s.", runtimeID)
}

// Rearranger is implemented by an Orchestrator whose pools have to be set again at times.
type Rearranger interface {
	// Rearranged delivers a value when the pools have to be set again: where their workers can be
	// has changed. It is for one reader; signals that were not read yet are one.
	Rearranged() <-chan struct{}
}

// NodeSeeker is implemented by an Orchestrator whose workers need a node of a cluster.
type NodeSeeker interface {
	// NoNode says why generic workers of the runtime can be on no node, in the scheduler's words; ""
	// while none waits for a node, or waits for room on one.
	NoNode(runtimeID string) string
}

// Extender is implemented by an Orchestrator that can have more workers than a pool's size for a
// while: when many callers wait for a worker each, all are to be started at once, and none is to
// take the place of one that was claimed.
type Extender interface {
	// Extend starts n generic workers beside those of the pool's size, and returns their ids. None
	// replaces one that is claimed or ends. An error says that some could not be started, perhaps
	// all; of kind NotFound, that there is no such pool.
	Extend(ctx context.Context, pool Pool, n int) (ids []string, err error)
	// Reduce ends those of the pool's that were not claimed; it does not wait for their end.
	Reduce(ctx context.Context, runtimeID string) error
}

// Voucher is implemented by an Orchestrator whose workers' agents speak TLS.
type Voucher interface {
	// Vouch returns an error unless what the worker's agent has shown is what the worker is known by
	// to who runs it; workertls.ErrNoVouching where that cannot be found out.
	Vouch(ctx context.Context, workerID, shown string) error
	// Introduce has introduce find out who a generic worker is that is Unintroduced, and has the
	// worker be ready, for all engines, when there was no error. It does nothing for another worker.
	// An error that is ErrNoVouching leaves a worker with TLSAccepted ready here.
	Introduce(ctx context.Context, workerID string, introduce func(ctx context.Context) error) error
}

// WentBackError says that no worker of a pool's new image came up and that the pool has its old
// image again.
type WentBackError struct {
	Image  string // that the pool has now
	Reason error  // why it has not the one that it was given
}

// Error returns the reason and the image that the pool has.
func (e *WentBackError) Error() string {
	return strings.TrimSuffix(e.Reason.Error(), ".") + ". The pool is back at image " + e.Image + "."
}

// Unwrap returns the reason.
func (e *WentBackError) Unwrap() error { return e.Reason }

// Claim says which function a worker belongs to now, and from what its limits are computed.
type Claim struct {
	Target    faas.Target
	Footprint int64 // bytes that the warm runtime uses before any code of a function, by its agent; 0: not known
	Secured   bool  // its agent has been spoken to by TLS: nobody needs to do so without
}

// Event is one change of one worker.
type Event struct {
	Kind   EventKind
	Worker faas.Worker
	Reason string // for Gone: why, in a few words
}

// EventKind says what happened to a worker.
type EventKind string

// The kinds of event.
const (
	Ready EventKind = "ready" // a generic worker can be claimed
	Gone  EventKind = "gone"  // it ended: removed, crashed or replaced
)

// Package fleet is the workers that there are, as one engine knows them: what the orchestrator
// shows, with the workers that this engine has reserved, claimed or ended and that the orchestrator
// does not show as such yet.
package fleet

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Config is what a Fleet needs. Every field is required.
type Config struct {
	Name         string // of this engine: engines try generic workers in different orders
	Orchestrator orchestrator.Orchestrator
	Client       *dispatch.Client
	Group        *background.Group // of what goes on after the calls that caused it
	ServerUp     func()            // called when a server has come up, or has failed to
	Silent       func(faas.Worker) // called when a worker did not answer a request
	Now          func() time.Time
	Log          *slog.Logger
}

// Fleet knows the workers by its Index and changes them. It is safe for concurrent use.
type Fleet struct {
	cfg      Config
	log      *slog.Logger
	images   orchestrator.Images // nil: the orchestrator runs none
	claims   *background.Group   // tell the orchestrator of claims
	starting *background.Group   // servers that come up

	Index        Index
	workers      *workerSet   // what Index asks
	reservations reservations // of them
	faults       serverFaults
	filled       chan struct{}
	once         sync.Once // closes filled
}

// New returns a fleet of the orchestrator's workers. Stop ends it.
func New(cfg Config) *Fleet {
	workers := newWorkerSet(cfg.Name, cfg.Now)
	f := &Fleet{
		cfg: cfg, log: cfg.Log, claims: cfg.Group.Child("claims"), starting: cfg.Group.Child("servers"),
		Index: Index{workers}, workers: workers, reservations: reservations{workers},
		faults: newServerFaults(), filled: make(chan struct{}),
	}
	f.images, _ = cfg.Orchestrator.(orchestrator.Images)
	return f
}

// stopGrace is how long a fleet that stops goes on trying to tell the orchestrator of claims.
const stopGrace = 10 * time.Second

// Stop waits for the orchestrator to be told of what was claimed, up to ten seconds while it cannot
// be told. Servers that come up are left to come up.
func (f *Fleet) Stop() {
	f.starting.Stop()
	grace, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	if f.claims.Wait(grace) != nil {
		f.log.Warn("the orchestrator could not be told of all claims; whoever repairs does")
	}
	f.claims.Stop()
	_ = f.claims.Wait(context.Background()) // without a deadline there is no error
	_ = f.starting.Wait(context.Background())
}

// Apply takes in changes of workers that the orchestrator shows.
func (f *Fleet) Apply(changes []orchestrator.Change) {
	f.workers.apply(changes)
	f.once.Do(func() { close(f.filled) })
}

// Filled is closed when the first changes were applied: from then on all workers are known.
func (f *Fleet) Filled() <-chan struct{} { return f.filled }

// Workers returns every worker that is of use; see Index.Workers.
func (f *Fleet) Workers() []faas.Worker { return f.Index.Workers() }

// Unclaimed returns the workers that are generic and ready as far as the orchestrator knows, and
// that this engine has not reserved. Some may be another engine's.
func (f *Fleet) Unclaimed() []faas.Worker { return f.Index.unclaimed() }

// Serves reports whether a worker of the key takes calls.
func (f *Fleet) Serves(key faas.Key) bool {
	_, serves := f.Index.FindOwn(key, func(w faas.Worker) bool { return w.Ready })
	return serves
}

// Reserve takes a generic worker for a target, so that no other request of this engine gets it, and
// reports whether it was free. Claim, Release, Lost or Discard ends the reservation.
func (f *Fleet) Reserve(workerID string, target faas.Target) bool {
	return f.reservations.reserve(workerID, target)
}

// Release makes a reserved worker generic again.
func (f *Fleet) Release(workerID string) { f.reservations.release(workerID) }

// Lost ends the reservation of a worker that another engine was found to have claimed, or that is
// not ready. It is left alone for five seconds: by then the orchestrator shows whose it is.
func (f *Fleet) Lost(workerID string) { f.reservations.lose(workerID) }

package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// servers are the workers that this engine makes for functions whose image is an HTTP server, while they come up. Once one is up
// it is a worker as any other.
type servers struct {
	mu     sync.Mutex
	coming map[string]faas.Worker // by id
	faults map[faas.Key]serverFault
}

// serverFault is why the last worker of a key did not come up.
type serverFault struct {
	err error
	at  time.Time
}

// faultFor is how long all who wait get a fault as their answer before another worker is tried.
const faultFor = 3 * time.Second

func newServers() servers {
	return servers{coming: map[string]faas.Worker{}, faults: map[faas.Key]serverFault{}}
}

func (s *servers) begin(w faas.Worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming[w.ID] = w
	delete(s.faults, w.Key)
}

// end says that a server has come up, or why it has not; nil for a reason that says nothing about the image.
func (s *servers) end(w faas.Worker, fault error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.coming, w.ID)
	for key, f := range s.faults {
		if now.Sub(f.at) > faultFor {
			delete(s.faults, key)
		}
	}
	if fault != nil {
		s.faults[w.Key] = serverFault{fault, now}
	}
}

func (s *servers) fault(key faas.Key, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, there := s.faults[key]; there && now.Sub(f.at) <= faultFor {
		return f.err
	}
	return nil
}

// overlay adds those that the orchestrator does not show yet.
func (s *servers) overlay(workers []faas.Worker) []faas.Worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, w := range s.coming {
		if !slices.ContainsFunc(workers, func(shown faas.Worker) bool { return shown.ID == id }) {
			workers = append(workers, w)
		}
	}
	return workers
}

// ErrNoImages returns the error for a deployment whose orchestrator runs no container images.
func ErrNoImages() error {
	return faas.Errorf(faas.Invalid, "This deployment does not run container images.")
}

// ServerFault returns why no server of the key can come up: there are no images here, or the last one failed within the last three
// seconds. nil says that one may be started.
func (f *Fleet) ServerFault(key faas.Key) error {
	if f.images == nil {
		return ErrNoImages()
	}
	return f.servers.fault(key, f.cfg.Now())
}

// StartServer makes a worker of the target's own image and does not wait for it. ServerFault must have returned nil.
func (f *Fleet) StartServer(target faas.Target) faas.Worker {
	begun := f.cfg.Now()
	w := faas.Worker{ID: "server-" + faas.NewID(), Key: target.Key, ProjectID: target.ProjectID, StartedAt: begun}
	f.servers.begin(w)
	f.starting.Go("start a server", func(ctx context.Context) {
		err := f.images.StartServer(ctx, w.ID, target)
		now := f.cfg.Now()
		if err != nil {
			f.log.Warn("a function's server did not come up", "worker", w.ID, "function_id", target.Key.FunctionID, "image", target.Image, "error", err)
		} else {
			f.log.Info("a function's server came up", "worker", w.ID, "function_id", target.Key.FunctionID, "took", now.Sub(begun))
		}
		if ctx.Err() != nil {
			err = nil // the engine stops: that is no fault of the image
		}
		f.servers.end(w, err, now)
		f.cfg.ServerUp()
	})
	return w
}

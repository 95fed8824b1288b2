package fleet

import (
	"context"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// serverFaults remembers why servers of functions' own images did not come up.
type serverFaults struct {
	mu sync.Mutex
	of map[faas.Key]serverFault
}

type serverFault struct {
	err error
	at  time.Time
}

// faultFor is how long all who wait get a fault as their answer before another worker is tried.
const faultFor = 3 * time.Second

func newServerFaults() serverFaults { return serverFaults{of: map[faas.Key]serverFault{}} }

// set says why the last server of a key did not come up; nil forgets it.
func (s *serverFaults) set(key faas.Key, fault error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, f := range s.of {
		if now.Sub(f.at) > faultFor {
			delete(s.of, key)
		}
	}
	if delete(s.of, key); fault != nil {
		s.of[key] = serverFault{fault, now}
	}
}

func (s *serverFaults) get(key faas.Key, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, there := s.of[key]; there && now.Sub(f.at) <= faultFor {
		return f.err
	}
	return nil
}

// ErrNoImages returns the error for a deployment whose orchestrator runs no container images.
func ErrNoImages() error {
	return faas.Errorf(faas.Invalid, "This deployment does not run container images.")
}

// ServerFault returns why no server of the key can come up: there are no images here, or the last
// one failed within the last three seconds. nil says that one may be started.
func (f *Fleet) ServerFault(key faas.Key) error {
	if f.images == nil {
		return ErrNoImages()
	}
	return f.faults.get(key, f.cfg.Now())
}

// StartServer makes a worker of the target's own image and does not wait for it. While it comes up
// it counts as the function's. ServerFault must have returned nil.
func (f *Fleet) StartServer(target faas.Target) faas.Worker {
	begun := f.cfg.Now()
	w := faas.Worker{ID: "server-" + faas.NewID(), Key: target.Key, ProjectID: target.ProjectID, StartedAt: begun}
	f.faults.set(w.Key, nil, begun)
	f.workers.begin(w, target)
	f.starting.Go("start a server", func(ctx context.Context) {
		err := f.images.StartServer(ctx, w.ID, target)
		now := f.cfg.Now()
		if err != nil {
			f.log.Warn("a function's server did not come up",
				"worker", w.ID, "function_id", target.Key.FunctionID, "image", target.Image, "error", err)
		} else {
			f.log.Info("a function's server came up",
				"worker", w.ID, "function_id", target.Key.FunctionID, "took", now.Sub(begun))
		}
		f.workers.end(w.ID, err == nil)
		if err != nil && ctx.Err() == nil { // when the engine stops, that is no fault of the image
			f.faults.set(w.Key, err, now)
		}
		f.cfg.ServerUp()
	})
	return w
}

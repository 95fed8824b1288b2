package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// servers are the workers that this engine makes for functions whose image is an HTTP server, while they come up. Once one is up it is a worker as
// any other.
type servers struct {
	ctx  context.Context // of those that come up
	stop context.CancelFunc

	mu     sync.Mutex
	coming map[string]faas.Worker // by id
	faults map[faas.Key]serverFault
}

// serverFault is why the last worker of a key did not come up.
type serverFault struct {
	err error
	at  time.Time
}

// faultFor is how long all who wait are told of a fault before another worker is tried.
const faultFor = 3 * time.Second

func (s *servers) init() {
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.coming, s.faults = map[string]faas.Worker{}, map[faas.Key]serverFault{}
}

func (s *servers) begin(w faas.Worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming[w.ID] = w
	delete(s.faults, w.Key)
}

func (s *servers) end(w faas.Worker, err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.coming, w.ID)
	for key, f := range s.faults {
		if now.Sub(f.at) > faultFor {
			delete(s.faults, key)
		}
	}
	if err != nil && s.ctx.Err() == nil {
		s.faults[w.Key] = serverFault{err, now}
	}
}

// fault gives why the key's last worker did not come up a moment ago, nil if it did.
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

// startServer makes a worker of the target's own and does not wait for it.
func (e *Engine) startServer(target faas.Target) faas.Worker {
	w := faas.Worker{ID: "server-" + faas.NewID(), Key: target.Key, ProjectID: target.ProjectID, StartedAt: e.now()}
	e.servers.begin(w)
	e.claims.tasks.Go(func() {
		begun := e.now()
		err := e.images.StartServer(e.servers.ctx, w.ID, target)
		if err != nil {
			e.log.Warn("a function's server did not come up", "worker", w.ID, "function_id", target.Key.FunctionID, "image", target.Image, "error", err)
		} else {
			e.log.Info("a function's server came up", "worker", w.ID, "function_id", target.Key.FunctionID, "took", e.now().Sub(begun))
		}
		e.servers.end(w, err, e.now())
		e.place.serve()
	})
	return w
}

// wantsServer tells whether no generic worker will do for the ticket.
func (t *ticket) wantsServer() bool { return t.ask.target.Protocol == faas.ProtocolHTTP }

// hopeless gives why no worker comes of a target that has none to wait for.
func (s *scene) hopeless(target faas.Target) error {
	switch {
	case target.Protocol != faas.ProtocolHTTP:
		return nil
	case s.engine.images == nil:
		return errNoImages()
	}
	return s.engine.servers.fault(target.Key, s.now)
}

// start makes a worker for a ticket that generic has allowed. The ticket waits on, for whichever worker of the target is ready first.
func (s *scene) start(t *ticket) {
	w := s.engine.startServer(t.ask.target)
	s.claimed++
	s.held[w.ProjectID]++
	s.memory[w.ProjectID] += t.ask.target.MemorySize
	s.engine.memories.set(w.Key, t.ask.target.MemorySize)
	s.own[w.Key] = append(s.own[w.Key], w)
}

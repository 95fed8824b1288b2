package engine

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	staleLook     = 500 * time.Millisecond
	staleTime     = 6 * time.Minute // longer than any call; then sweep goes on
	staleParallel = 32
)

// stale are the workers of older revisions: they end as their calls end.
type stale struct {
	news bell

	mu    sync.Mutex
	since map[string]time.Time // by worker id
}

func (s *stale) init() { s.news, s.since = newBell(), map[string]time.Time{} }

func (s *stale) add(workerID string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.since[workerID]; !known {
		s.since[workerID] = now
	}
}

func (s *stale) drop(workerID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.since, workerID)
}

// among gives those of the workers that are stale, and forgets the others and those that have been for too long.
func (s *stale) among(workers []faas.Worker, now time.Time) []faas.Worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []faas.Worker
	left := make(map[string]time.Time, len(s.since))
	for _, w := range workers {
		if since, is := s.since[w.ID]; is && now.Sub(since) < staleTime {
			found, left[w.ID] = append(found, w), since
		}
	}
	s.since = left
	return found
}

// functionChanged lets go of the workers of a function's older revisions; the owner of its shard ends them as their calls end.
func (e *Engine) functionChanged(body []byte) {
	var change faas.FunctionChanged
	if err := json.Unmarshal(body, &change); err != nil {
		e.log.Error("news of a function is malformed", "error", err)
		return
	}
	e.dispatch.ForgetFunction(change.FunctionID, change.Revision)
	if !e.shards.owns(change.FunctionID) {
		return
	}
	for _, w := range e.workers() {
		if w.Key.FunctionID == change.FunctionID && outdated(w.Key, change.Revision) {
			e.stale.add(w.ID, e.now())
		}
	}
	e.stale.news.wake()
}

// outdated tells whether a key is of a revision before the given one, which is 0 when the function was deleted. Published versions do not change.
func outdated(key faas.Key, revision int64) bool {
	return key.Version == 0 && (revision == 0 || key.Revision < revision)
}

// endStale ends stale workers, at once where they are idle.
func (e *Engine) endStale(ctx context.Context) {
	tick := time.NewTicker(staleLook)
	defer tick.Stop()
	for ctx.Err() == nil {
		e.endStaleOnce(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-e.stale.news:
		}
	}
}

func (e *Engine) endStaleOnce(ctx context.Context) {
	if e.stale.none() {
		return
	}
	var g errgroup.Group
	g.SetLimit(staleParallel)
	for _, w := range e.stale.among(e.workers(), e.now()) {
		g.Go(func() error {
			if !e.shards.owns(w.Key.FunctionID) || e.endIfIdle(ctx, w, 0) {
				e.stale.drop(w.ID)
			}
			return nil
		})
	}
	_ = g.Wait() // no task returns an error: each logs its own
}

func (s *stale) none() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.since) == 0
}

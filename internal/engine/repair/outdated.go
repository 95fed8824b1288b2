package repair

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/faas"
)

const (
	outdatedPause    = 500 * time.Millisecond // between two looks whether outdated workers are idle
	outdatedTime     = 6 * time.Minute        // longer than any call; then Sweep goes on
	outdatedParallel = 32
)

// outdatedWorkers are the workers of older revisions: they end as their calls end.
type outdatedWorkers struct {
	news background.Signal

	mu    sync.Mutex
	since map[string]time.Time // by worker id
}

func newOutdatedWorkers() outdatedWorkers {
	return outdatedWorkers{news: background.NewSignal(), since: map[string]time.Time{}}
}

func (o *outdatedWorkers) add(workerID string, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.since[workerID]; !known {
		o.since[workerID] = now
	}
}

func (o *outdatedWorkers) drop(workerID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.since, workerID)
}

func (o *outdatedWorkers) none() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.since) == 0
}

// among returns those of the workers that are outdated, and forgets the others and those that have
// been for too long.
func (o *outdatedWorkers) among(workers []faas.Worker, now time.Time) []faas.Worker {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []faas.Worker
	left := make(map[string]time.Time, len(o.since))
	for _, w := range workers {
		if since, is := o.since[w.ID]; is && now.Sub(since) < outdatedTime {
			found, left[w.ID] = append(found, w), since
		}
	}
	o.since = left
	return found
}

// FunctionChanged has the workers of what is not to be run any more end as their calls end.
func (r *Repairer) FunctionChanged(change faas.FunctionChanged) {
	if !r.cfg.Owns(change.FunctionID) {
		return
	}
	for _, w := range r.cfg.Fleet.Workers() {
		if change.Ends(w.Key) {
			r.outdated.add(w.ID, r.cfg.Now())
		}
	}
	r.outdated.news.Wake()
}

// WatchOutdated ends outdated workers until ctx ends, at once where they are idle.
func (r *Repairer) WatchOutdated(ctx context.Context) {
	tick := time.NewTicker(outdatedPause)
	defer tick.Stop()
	for ctx.Err() == nil {
		r.endOutdated(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-r.outdated.news:
		}
	}
}

func (r *Repairer) endOutdated(ctx context.Context) {
	if r.outdated.none() {
		return
	}
	var g errgroup.Group
	g.SetLimit(outdatedParallel)
	for _, w := range r.outdated.among(r.cfg.Fleet.Workers(), r.cfg.Now()) {
		g.Go(func() error {
			if !r.cfg.Owns(w.Key.FunctionID) || r.cfg.Fleet.EndIfIdle(ctx, w, 0) {
				r.outdated.drop(w.ID)
			}
			return nil
		})
	}
	_ = g.Wait() // no task returns an error: each logs its own
}

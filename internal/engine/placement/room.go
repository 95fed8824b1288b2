package placement

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// idleForRoom is how long a worker must have been idle to be taken away for another project.
	idleForRoom = time.Second
	// roomPause is the least time between two looks for a worker to take away.
	roomPause = 250 * time.Millisecond
)

// MakeRoom ends idle workers, until ctx ends, while all that there may be are in use and somebody
// waits who has a better right, and those of projects that wait and may have no more memory.
func (p *Placer) MakeRoom(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.short:
		}
		p.makeRoomOnce(ctx)
		background.Sleep(ctx, roomPause)
	}
}

// makeRoomOnce ends one worker for the request whose turn it is.
func (p *Placer) makeRoomOnce(ctx context.Context) {
	if p.makeRoomInFunction(ctx) {
		return
	}
	for _, project := range p.givers() {
		own := func(w faas.Worker) bool { return w.ProjectID == project }
		for _, w := range p.idlest(ctx, own) {
			if p.cfg.Fleet.EndIfIdle(ctx, w, idleForRoom) {
				p.log.Info("ended an idle worker to make room",
					"worker", w.ID, "function_id", w.Key.FunctionID, "project_id", project)
				p.Retry()
				return
			}
		}
	}
}

// givers returns the projects that are to give a worker up, in the order in which they are asked;
// none when there is room, or nobody who waits has a better right.
func (p *Placer) givers() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	outOfMemory := p.outOfMemory()
	if p.index.Claimed() < p.cfg.Workers {
		return outOfMemory
	}
	r, ok := p.queue.Next(p.growsFor, p.index.HeldBy, p.share())
	if !ok {
		return outOfMemory
	}
	return append(giversFor(r.ProjectID(), p.index.Held(), p.share()), outOfMemory...)
}

// giversFor returns who gives a worker up for a project. One that has less than its share gets from
// those that have more than it has, the one with the most first; and whoever waits may have what is
// idle of its own.
func giversFor(project string, held map[string]int, share int) []string {
	has := held[project]
	givers := slices.DeleteFunc(slices.Collect(maps.Keys(held)), func(other string) bool {
		return other != project && (has >= share || held[other] <= has)
	})
	slices.SortFunc(givers, func(a, b string) int { return cmp.Or(-cmp.Compare(held[a], held[b]), cmp.Compare(a, b)) })
	return givers
}

// crowded returns what waits for a worker and has none, of functions that are full of other versions'
// workers. The placer's lock is held.
func (p *Placer) crowded() []faas.Key {
	var keys []faas.Key
	for _, r := range p.queue.All() {
		if p.crowdedOut(r) && !slices.Contains(keys, r.target.Key) {
			keys = append(keys, r.target.Key)
		}
	}
	return keys
}

// makeRoomInFunction ends an idle worker of another version of a function that is full, and reports
// whether it did.
func (p *Placer) makeRoomInFunction(ctx context.Context) bool {
	p.mu.Lock()
	crowded := p.crowded()
	p.mu.Unlock()
	for _, key := range crowded {
		other := func(w faas.Worker) bool { return w.Key.FunctionID == key.FunctionID && w.Key != key }
		for _, w := range p.idlest(ctx, other) {
			if p.cfg.Fleet.EndIfIdle(ctx, w, idleForRoom) {
				p.log.Info("ended an idle worker to make room for another version", "worker", w.ID,
					"function_id", w.Key.FunctionID, "version", w.Key.Version, "wanted", key.Version)
				p.Retry()
				return true
			}
		}
	}
	return false
}

// idlest returns those of the workers that are a function's own and ready and have been idle for
// long enough to be taken away, the longest first.
func (p *Placer) idlest(ctx context.Context, is func(faas.Worker) bool) []faas.Worker {
	var own []faas.Worker
	for _, w := range p.cfg.Fleet.Workers() {
		if !w.Generic() && w.Ready && is(w) {
			own = append(own, w)
		}
	}
	return fleet.IdleFor(p.cfg.Fleet.Statuses(ctx, own), idleForRoom)
}

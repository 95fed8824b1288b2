package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// idleForRoom is how long a worker must have been idle to be taken away for another project.
	idleForRoom = time.Second
	// roomPause is the least time between two looks for a worker to take away.
	roomPause = 250 * time.Millisecond
	// askParallel is how many workers are asked at a time how they are.
	askParallel = 16
)

// makeRoom ends idle workers while all that there may be are in use and somebody waits who has a better right, and those of projects that wait and may
// have no more memory.
func (e *Engine) makeRoom(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.place.short:
		}
		e.makeRoomOnce(ctx)
		sleep(ctx, roomPause)
	}
}

// makeRoomOnce ends one worker for the one whose turn it is, and tells whether it did.
func (e *Engine) makeRoomOnce(ctx context.Context) bool {
	for _, project := range e.place.givers() {
		for _, w := range e.idlest(ctx, project) {
			if e.endIfIdle(ctx, w, idleForRoom) {
				e.log.Info("ended an idle worker to make room", "worker", w.ID, "function_id", w.Key.FunctionID, "project_id", project)
				e.place.serve()
				return true
			}
		}
	}
	return false
}

// givers gives the projects that are to give a worker up, in the order in which they are asked; none when there is room, or nobody who waits has
// a better right.
func (p *place) givers() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.engine.scene()
	starved := s.starved(p.line)
	if s.claimed < s.most {
		return starved
	}
	t := p.line.next(s.generic, s.heldBy, s.share(p.line))
	if t == nil {
		return starved
	}
	return append(giversFor(t.project, s.held, s.share(p.line)), starved...)
}

// giversFor: a project that has less than its share is given by those that have more than it has, the one with the most first; and whoever waits may
// have what is idle of the own.
func giversFor(project string, held map[string]int, share int) []string {
	has := held[project]
	givers := slices.DeleteFunc(slices.Collect(maps.Keys(held)), func(other string) bool {
		return other != project && (has >= share || held[other] <= has)
	})
	slices.SortFunc(givers, func(a, b string) int { return cmp.Or(-cmp.Compare(held[a], held[b]), cmp.Compare(a, b)) })
	return givers
}

// idlest gives the project's workers that have been idle for long enough to be taken away, the longest first.
func (e *Engine) idlest(ctx context.Context, project string) []faas.Worker {
	var own []faas.Worker
	for _, w := range e.workers() {
		if !w.Generic() && w.Ready && w.ProjectID == project {
			own = append(own, w)
		}
	}
	return idleFirst(e.ask(ctx, own), idleForRoom)
}

// told is a worker and what it told of itself.
type told struct {
	faas.Worker
	status faas.WorkerStatus
}

// ask asks workers how they are; those that do not answer are left out.
func (e *Engine) ask(ctx context.Context, workers []faas.Worker) []told {
	answers := make([]*told, len(workers))
	var g errgroup.Group
	g.SetLimit(askParallel)
	for i, w := range workers {
		g.Go(func() error {
			if status, err := e.client.Status(ctx, w); err == nil {
				answers[i] = &told{w, status}
			}
			return nil
		})
	}
	_ = g.Wait() // no task returns an error
	var heard []told
	for _, t := range answers {
		if t != nil {
			heard = append(heard, *t)
		}
	}
	return heard
}

// idleFirst gives those that have been idle for that long, the longest first.
func idleFirst(workers []told, idle time.Duration) []faas.Worker {
	workers = slices.DeleteFunc(slices.Clone(workers), func(t told) bool { return t.status.Busy > 0 || t.status.IdleFor < idle })
	slices.SortFunc(workers, func(a, b told) int { return -cmp.Compare(a.status.IdleFor, b.status.IdleFor) })
	out := make([]faas.Worker, len(workers))
	for i, t := range workers {
		out[i] = t.Worker
	}
	return out
}

// sleep waits for a while, or less when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

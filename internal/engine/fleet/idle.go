package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// statusParallel is how many workers are asked for their status at a time.
const statusParallel = 16

// Reported is a worker and what it reported of itself.
type Reported struct {
	faas.Worker
	Status faas.WorkerStatus
}

// Statuses asks workers for their status; those that do not answer are left out.
func (f *Fleet) Statuses(ctx context.Context, workers []faas.Worker) []Reported {
	answers := make([]*Reported, len(workers))
	var g errgroup.Group
	g.SetLimit(statusParallel)
	for i, w := range workers {
		g.Go(func() error {
			status, err := f.cfg.Client.Status(ctx, w)
			if err == nil {
				answers[i] = &Reported{w, status}
				return nil
			}
			var refused *dispatch.RefusedError
			if ctx.Err() == nil && !errors.As(err, &refused) {
				f.ReportSilent(w)
			}
			return nil
		})
	}
	_ = g.Wait() // no task returns an error
	var reported []Reported
	for _, answer := range answers {
		if answer != nil {
			reported = append(reported, *answer)
		}
	}
	return reported
}

// IdleFor returns those that have been idle for that long, the longest first.
func IdleFor(workers []Reported, idle time.Duration) []faas.Worker {
	workers = slices.DeleteFunc(slices.Clone(workers), func(r Reported) bool {
		return r.Status.Busy > 0 || r.Status.IdleFor < idle
	})
	slices.SortFunc(workers, func(a, b Reported) int { return -cmp.Compare(a.Status.IdleFor, b.Status.IdleFor) })
	out := make([]faas.Worker, len(workers))
	for i, r := range workers {
		out[i] = r.Worker
	}
	return out
}

// EndIfIdle ends the worker if it has been idle so long, and reports whether it did. The agent
// decides, so that no call slips in between. A worker that does not answer is left to whoever
// probes it.
func (f *Fleet) EndIfIdle(ctx context.Context, w faas.Worker, idle time.Duration) bool {
	err := f.cfg.Client.Drain(ctx, w, idle)
	var refused *dispatch.RefusedError
	if errors.As(err, &refused) && refused.Refused == faas.RefusedBusy {
		return false
	}
	if err != nil {
		f.log.Info("a worker does not answer whether it is idle", "worker", w.ID, "error", err)
		if ctx.Err() == nil {
			f.ReportSilent(w)
		}
		return false
	}
	f.Discard(ctx, w)
	return true
}

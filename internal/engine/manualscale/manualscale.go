// Package manualscale changes how many workers a function has because an administrator says so.
package manualscale

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/engine/demand"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/engine/placement"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// Config is what a Scaler needs. Every field is required.
type Config struct {
	Functions   *store.FunctionStore
	Fleet       *fleet.Fleet
	Placement   *placement.Placer
	Demand      *demand.Demand
	PerFunction int                                             // workers of one function at most
	Idle        time.Duration                                   // how long workers that were asked for stay unused
	Forget      func(ctx context.Context, workerIDs []string)   // has all callers forget workers
	Owned       func(functionID string) (context.Context, bool) // ends when the function is not this engine's any more
	Group       *background.Group                               // of what goes on after the request
	Now         func() time.Time
	Log         *slog.Logger
}

// Scaler does what administrators ask for. It is safe for concurrent use.
type Scaler struct{ cfg Config }

// New returns a scaler.
func New(cfg Config) *Scaler { return &Scaler{cfg: cfg} }

const (
	// placeTimeout bounds how long one worker that was asked for may take to be had.
	placeTimeout = 2 * time.Minute
	// retirePause is the time between two looks whether workers that are to end have ended their
	// calls.
	retirePause = 250 * time.Millisecond
	// retireTime is longer than any call.
	retireTime = 6 * time.Minute
)

// Do does what the request says, of a function that this engine owns. What takes long goes on when
// it returns.
func (s *Scaler) Do(ctx context.Context, r faas.WorkersRequest) (faas.WorkersAnswer, error) {
	if r.Action == faas.WorkersList {
		return faas.WorkersAnswer{Workers: s.list(r.FunctionID)}, nil
	}
	target, err := s.cfg.Functions.Target(ctx, faas.Key{FunctionID: r.FunctionID, Version: r.Version})
	if err != nil {
		return faas.WorkersAnswer{}, err
	}
	switch r.Action {
	case faas.WorkersScaleUp:
		return faas.WorkersAnswer{}, s.up(target, r.Count)
	case faas.WorkersScaleDown:
		s.down(ctx, target.Key, r.Count)
		return faas.WorkersAnswer{}, nil
	case faas.WorkersDetach:
		s.detach(ctx, target.Key)
		return faas.WorkersAnswer{}, nil
	case faas.WorkersList:
	}
	return faas.WorkersAnswer{}, faas.Errorf(faas.Invalid, "There is no action %q on workers.", r.Action)
}

// list returns the workers of all versions of a function, in the order of their versions and ids.
func (s *Scaler) list(functionID string) []faas.Worker {
	own := s.workers(func(key faas.Key) bool { return key.FunctionID == functionID })
	slices.SortFunc(own, func(a, b faas.Worker) int {
		if a.Key.Version != b.Key.Version {
			return a.Key.Version - b.Key.Version
		}
		return strings.Compare(a.ID, b.ID)
	})
	return own
}

func (s *Scaler) workers(of func(faas.Key) bool) []faas.Worker {
	var own []faas.Worker
	for _, w := range s.cfg.Fleet.Workers() {
		if !w.Generic() && of(w.Key) {
			own = append(own, w)
		}
	}
	return own
}

// up has the target get so many more workers, which stay for the idle time whether or not they are
// called. More than a function may have are refused.
func (s *Scaler) up(target faas.Target, count int) error {
	if target.Protocol == faas.ProtocolRun {
		return faas.Errorf(faas.Invalid, "Function %s has no workers: each of its calls runs in a container of its own.",
			target.Key.FunctionID)
	}
	key := target.Key
	has := s.cfg.Fleet.Index.CountFunction(key)
	if has+count > s.cfg.PerFunction {
		return faas.Errorf(faas.Conflict, "Function %s has %d workers and may have %d; %d more are too many.",
			key.FunctionID, has, s.cfg.PerFunction, count)
	}
	owned, ok := s.cfg.Owned(key.FunctionID)
	if !ok {
		return placement.ErrNotOwner()
	}
	now := s.cfg.Now()
	s.cfg.Demand.Hold(key, s.cfg.Fleet.Index.CountOwn(key)+count, now, now.Add(s.cfg.Idle))
	s.cfg.Group.Go("scale a function up", func(ctx context.Context) {
		for range count {
			if err := s.place(ctx, owned, target); err != nil {
				s.cfg.Log.Warn("a worker that an administrator asked for could not be had",
					"function_id", key.FunctionID, "version", key.Version, "error", err)
				return
			}
		}
	})
	return nil
}

// place has the target get one worker that it does not have yet.
func (s *Scaler) place(ctx, owned context.Context, target faas.Target) error {
	ctx, cancel := context.WithTimeout(ctx, placeTimeout)
	defer cancel()
	request := faas.AcquireRequest{Target: target, Caller: "scale-up"}
	for _, w := range s.workers(func(key faas.Key) bool { return key == target.Key }) {
		request.Known = append(request.Known, w.ID)
	}
	_, err := s.cfg.Placement.Acquire(ctx, owned, request)
	return err
}

// down ends so many workers of the key, the idlest first, and leaves one at least.
func (s *Scaler) down(ctx context.Context, key faas.Key, count int) {
	s.cfg.Demand.Hold(key, 0, s.cfg.Now(), time.Time{})
	own := s.workers(func(of faas.Key) bool { return of == key })
	surplus := min(count, len(own)-1)
	if surplus <= 0 {
		return
	}
	idle := fleet.IdleFor(s.cfg.Fleet.Statuses(ctx, own), 0)
	busy := slices.DeleteFunc(own, func(w faas.Worker) bool { return slices.Contains(idle, w) })
	s.retire(ctx, append(idle, busy...)[:surplus])
}

// detach ends all workers of the key.
func (s *Scaler) detach(ctx context.Context, key faas.Key) {
	s.cfg.Demand.Hold(key, 0, s.cfg.Now(), time.Time{})
	s.retire(ctx, s.workers(func(of faas.Key) bool { return of == key }))
}

// retire has no call sent to the workers any more, and ends each when its calls have ended.
func (s *Scaler) retire(ctx context.Context, workers []faas.Worker) {
	if len(workers) == 0 {
		return
	}
	for _, w := range workers {
		s.cfg.Fleet.Retire(w)
	}
	s.forget(ctx, workers)
	s.cfg.Group.Go("end workers by hand", func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, retireTime)
		defer cancel()
		background.Sleep(ctx, retirePause)
		s.forget(ctx, workers) // whoever was given one just before has heard of it by now
		for left := workers; len(left) > 0 && ctx.Err() == nil; background.Sleep(ctx, retirePause) {
			left = slices.DeleteFunc(slices.Clone(left), func(w faas.Worker) bool {
				return !s.cfg.Fleet.Knows(w.ID) || s.cfg.Fleet.EndIfIdle(ctx, w, 0)
			})
		}
	})
}

func (s *Scaler) forget(ctx context.Context, workers []faas.Worker) {
	ids := make([]string, len(workers))
	for i, w := range workers {
		ids[i] = w.ID
	}
	s.cfg.Forget(ctx, ids)
}

// Package autoscale ends the workers that functions do not need any more. Growing has no loop:
// callers request workers, and placement assigns as many as the demand needs.
package autoscale

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/engine/demand"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
)

// Config is what a Scaler needs. Every field is required.
type Config struct {
	Fleet       *fleet.Fleet
	Demand      *demand.Demand
	Owns        func(functionID string) bool // reports whether this engine shrinks the function
	PerFunction int                          // workers of one function at most
	Idle        time.Duration                // a worker without a call for this long ends
	Now         func() time.Time
	Log         *slog.Logger
}

// Scaler ends workers. Each of its methods is one look; the engine repeats them.
type Scaler struct{ cfg Config }

// New returns a scaler.
func New(cfg Config) *Scaler { return &Scaler{cfg: cfg} }

const (
	samplesPerWindow = 3                     // how often within the panic window workers are asked
	minSamplePause   = 10 * time.Millisecond // but no oftener than this
	maxSamplePause   = 2 * time.Second       // nor more seldom
	idleLooks        = 4                     // how often within the idle time idleness is looked at
	minIdlePause     = time.Second           // but no oftener than this
	maxIdlePause     = 30 * time.Second      // nor more seldom
	idleParallel     = 8
)

// SampleInterval returns the pause between two calls of Shrink.
func (s *Scaler) SampleInterval() time.Duration {
	return min(max(s.cfg.Demand.PanicWindow()/samplesPerWindow, minSamplePause), maxSamplePause)
}

// IdleInterval returns the pause between two calls of EndIdle.
func (s *Scaler) IdleInterval() time.Duration {
	return min(max(s.cfg.Idle/idleLooks, minIdlePause), maxIdlePause)
}

// Shrink asks the workers of functions that have several how much they do, and ends those that are
// not needed.
func (s *Scaler) Shrink(ctx context.Context) {
	own := map[faas.Key][]faas.Worker{}
	for _, w := range s.cfg.Fleet.Workers() {
		if w.Ready && !w.Generic() && s.cfg.Owns(w.Key.FunctionID) {
			own[w.Key] = append(own[w.Key], w)
		}
	}
	now := s.cfg.Now()
	var several []faas.Worker
	for key, workers := range own {
		if len(workers) > 1 {
			several = append(several, workers...)
			continue
		}
		s.cfg.Demand.Unwatched(key, now)
	}
	reported := map[faas.Key][]fleet.Reported{}
	for _, r := range s.cfg.Fleet.Statuses(ctx, several) {
		reported[r.Key] = append(reported[r.Key], r)
	}
	for key, workers := range reported {
		s.shrink(ctx, key, len(own[key]), workers)
	}
	s.cfg.Demand.Tidy(now)
}

// shrink takes in what a function's workers reported and ends those that its demand has not needed
// for a while, of those that are idle.
func (s *Scaler) shrink(ctx context.Context, key faas.Key, workers int, reported []fleet.Reported) {
	sample := demand.Sample{Workers: workers, Slots: demand.SlotsOf(reported[0].Worker), Most: s.cfg.PerFunction}
	for _, r := range reported {
		sample.Busy += r.Status.Busy
	}
	surplus := workers - s.cfg.Demand.Sampled(key, sample, s.cfg.Now())
	idle := s.cfg.Demand.PanicWindow()
	for _, w := range fleet.IdleFor(reported, idle) {
		if surplus <= 0 {
			return
		}
		if s.cfg.Fleet.EndIfIdle(ctx, w, idle) {
			surplus--
			s.cfg.Log.Info("ended a worker that was not needed", "worker", w.ID, "function_id", key.FunctionID)
		}
	}
}

// EndIdle ends workers that had no call for the idle time.
func (s *Scaler) EndIdle(ctx context.Context) {
	var g errgroup.Group
	g.SetLimit(idleParallel)
	for _, w := range s.cfg.Fleet.Workers() {
		if w.Generic() || !w.Ready || !s.cfg.Owns(w.Key.FunctionID) {
			continue
		}
		g.Go(func() error {
			s.cfg.Fleet.EndIfIdle(ctx, w, s.cfg.Idle)
			return nil
		})
	}
	_ = g.Wait() // no task returns an error: each logs its own
}

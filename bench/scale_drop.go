package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/store"
)

// dropCallers are how many call while a partition is dropped.
const dropCallers = 8

// drop has the oldest span of the largest database dropped while it is called.
func (s *scaled) drop(ctx context.Context) error {
	f := s.filled[len(s.filled)-1]
	quiet, err := f.callsDuring(ctx, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
		case <-time.After(3 * time.Second):
		}
		return nil
	})
	if err != nil {
		return err
	}
	gone, took := 0, time.Duration(0)
	before := f.now.Add(-filledFor + store.SpanOf(retained) + time.Hour)
	during, err := f.callsDuring(ctx, func(ctx context.Context) error {
		for {
			begun := time.Now()
			n, err := f.store.Retire(ctx, before, 1000)
			gone, took = gone+n, took+time.Since(begun)
			if !errors.Is(err, store.ErrInUse) {
				return err
			}
		}
	})
	if err != nil {
		return err
	}
	if want := f.n / 12; gone < want {
		return fmt.Errorf("%d records were dropped with their partition, not %d or more", gone, want)
	}
	s.add(fmt.Sprintf("a partition of %d records dropped in", gone), took.Seconds(), "s", "")
	s.add(fmt.Sprintf("calls of %d callers before, p50", dropCallers), ms(quantile(quiet, 0.5)), "ms", "")
	s.add("calls before, the slowest", ms(quiet[len(quiet)-1]), "ms", "")
	s.add("calls meanwhile, p50", ms(quantile(during, 0.5)), "ms", "")
	slowest := ms(during[len(during)-1])
	s.judge("calls meanwhile, the slowest", slowest, "ms", "≤ 100 ms for it",
		slowest <= 100 || slowest <= ms(quiet[len(quiet)-1]))
	return nil
}

// callsDuring has callers record calls while something is done, and returns how long each took.
func (f *filled) callsDuring(ctx context.Context, do func(context.Context) error) ([]time.Duration, error) {
	calling, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex
	var all []time.Duration
	var wrong error
	var group sync.WaitGroup
	for n := range dropCallers {
		one := *f
		one.random = rand.New(rand.NewPCG(2, uint64(n))) //nolint:gosec // no secrets
		group.Go(func() {
			var took []time.Duration
			var err error
			for err == nil && calling.Err() == nil {
				var t time.Duration
				t, err = timed(func() error { return one.call(ctx) })
				took = append(took, t)
			}
			mu.Lock()
			defer mu.Unlock()
			all, wrong = append(all, took...), errors.Join(wrong, err)
		})
	}
	err := do(ctx)
	stop()
	group.Wait()
	if err = errors.Join(err, wrong); err != nil {
		return nil, err
	}
	slices.Sort(all)
	return all, nil
}

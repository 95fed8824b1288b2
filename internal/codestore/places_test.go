package codestore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// placesOf takes places for the project, which are free.
func placesOf(t *testing.T, p *Places, projectID string, n int) []func() {
	t.Helper()
	var leave []func()
	for range n {
		begun := time.Now()
		one, err := p.Take(t.Context(), projectID)
		if err != nil || time.Since(begun) != 0 {
			t.Fatalf("project %s: %v after %v", projectID, err, time.Since(begun))
		}
		leave = append(leave, one)
	}
	return leave
}

// empty looks for what is left behind.
func empty(t *testing.T, p *Places) {
	t.Helper()
	if free, waiting := p.limiter.Free(), p.limiter.Waiting(); free != maxPlaces || len(waiting) != 0 {
		t.Errorf("%d are free, and %q wait", free, waiting)
	}
}

func TestProjectWithAllItsPlacesBlocksNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPlaces()
		mine := placesOf(t, p, "one", maxPlacesOfOne)
		var third sync.WaitGroup
		third.Go(func() {
			begun := time.Now()
			leave, err := p.Take(t.Context(), "one")
			if err != nil || time.Since(begun) != time.Second {
				t.Errorf("the third: %v after %v", err, time.Since(begun))
				return
			}
			leave()
		})
		synctest.Wait()
		others := placesOf(t, p, "two", maxPlacesOfOne)
		time.Sleep(time.Second)
		mine[0]()
		mine[0]() // a second call frees nothing more
		third.Wait()
		if free := p.limiter.Free(); free != maxPlaces-3 {
			t.Errorf("%d are free, with three taken", free)
		}
		for _, leave := range append(others, mine...) {
			leave()
		}
		empty(t, p)
	})
}

func TestPlacesAreBoundedInTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPlaces()
		var leave []func()
		for n := range maxPlaces / maxPlacesOfOne {
			leave = append(leave, placesOf(t, p, fmt.Sprint(n), maxPlacesOfOne)...)
		}
		begun := time.Now()
		_, err := p.Take(t.Context(), "another")
		var e *faas.Error
		if !errors.As(err, &e) || e.Kind != faas.Busy || e.RetryAfter == 0 || time.Since(begun) != placeTimeout {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		for _, one := range leave {
			one()
		}
		empty(t, p)
	})
}

// TestWaiterThatIsCancelled has nothing left of it, even when its turn comes as it goes.
func TestWaiterThatIsCancelled(t *testing.T) {
	p := NewPlaces()
	for range 200 {
		var leave []func()
		for range maxPlacesOfOne {
			one, err := p.Take(t.Context(), "one")
			if err != nil {
				t.Fatal(err)
			}
			leave = append(leave, one)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if got, err := p.Take(ctx, "one"); err == nil {
					got()
				} else if faas.KindOf(err) != faas.Busy {
					t.Error(err)
				}
			})
		}
		all.Go(cancel)
		for _, one := range leave {
			all.Go(one)
		}
		all.Wait()
		empty(t, p)
	}
}

func TestPlacesUnderLoad(t *testing.T) {
	p := NewPlaces()
	var now, most atomic.Int64
	var all sync.WaitGroup
	for n := range 200 {
		all.Go(func() {
			leave, err := p.Take(t.Context(), fmt.Sprint(n%5))
			if err != nil {
				t.Error(err)
				return
			}
			held := now.Add(1)
			for before := most.Load(); held > before && !most.CompareAndSwap(before, held); before = most.Load() {
			}
			now.Add(-1)
			leave()
		})
	}
	all.Wait()
	if most.Load() > maxPlaces {
		t.Errorf("%d at a time", most.Load())
	}
	empty(t, p)
}

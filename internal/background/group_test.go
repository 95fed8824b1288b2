package background

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func untilStopped(ctx context.Context) { <-ctx.Done() }

func TestWaitNamesWhatStillRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(t.Context())
		if err := g.Wait(t.Context()); err != nil {
			t.Errorf("an empty group: %v", err)
		}
		g.Go("obedient", untilStopped)
		hold := make(chan struct{})
		for range 2 {
			g.Go("stubborn", func(context.Context) { <-hold })
		}
		child := g.Child("room")
		child.Go("stubborn too", func(context.Context) { <-hold })
		g.Stop()
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var running *RunningError
		if err := g.Wait(late); !errors.As(err, &running) ||
			!slices.Equal(running.Names, []string{"room/stubborn too", "stubborn"}) {
			t.Errorf("got %v", err)
		}
		if got := child.Running(); !slices.Equal(got, []string{"stubborn too"}) {
			t.Errorf("the child runs %q", got)
		}
		close(hold)
		if err := g.Wait(t.Context()); err != nil || len(g.Running()) != 0 {
			t.Errorf("got %v, and %q run", err, g.Running())
		}
	})
}

func TestChildStopsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(t.Context())
		child, sibling := g.Child("child"), g.Child("sibling")
		child.Go("task", untilStopped)
		sibling.Go("task", untilStopped)
		child.Stop()
		if err := child.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if got := g.Running(); !slices.Equal(got, []string{"sibling/task"}) {
			t.Errorf("%q run", got)
		}
		g.Stop()
		if err := g.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestWaitSeesWhatBeginsMeanwhile has a goroutine begin another as it ends, after Stop.
func TestWaitSeesWhatBeginsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(t.Context())
		undone := false
		g.Go("first", func(ctx context.Context) {
			<-ctx.Done()
			g.Go("undo", func(ctx context.Context) {
				time.Sleep(time.Second)
				undone = ctx.Err() != nil
			})
		})
		g.Stop()
		if err := g.Wait(t.Context()); err != nil || !undone {
			t.Errorf("got %v; undone: %v", err, undone)
		}
	})
}

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(t.Context())
		var ticks, once atomic.Int32
		g.Every("ticks", time.Minute, func(context.Context) { ticks.Add(1) })
		g.Every("once", 0, func(context.Context) { once.Add(1) })
		synctest.Wait()
		if ticks.Load() != 0 || once.Load() != 1 {
			t.Errorf("at once: %d and %d", ticks.Load(), once.Load())
		}
		time.Sleep(3*time.Minute + time.Second)
		g.Stop()
		if err := g.Wait(t.Context()); err != nil || ticks.Load() != 3 || once.Load() != 1 {
			t.Errorf("%v; %d and %d", err, ticks.Load(), once.Load())
		}
	})
}

func TestSignalsAreJoined(t *testing.T) {
	s := NewSignal()
	s.Wake()
	s.Wake()
	<-s
	select {
	case <-s:
		t.Error("two signals that nobody received before are two")
	default:
	}
}

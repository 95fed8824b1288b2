package quota

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// process is a counter of calls whose project a may have limits.
func process(c *clock, executions, perMinute int64) *Calls {
	limits := faas.Amounts{faas.ResourceExecutions: executions, faas.ResourceCalls: perMinute}
	return NewCalls(New(Config{Driver: settable{Unified{Ask: (&kept{}).Ask}}, Defaults: limits, CacheTime: time.Hour, Now: c.now}), c.now)
}

func allowed(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// refused gives how long the caller is told to wait.
func refused(t *testing.T, what string, err error, words string) time.Duration {
	t.Helper()
	var e *faas.Error
	if !errors.As(err, &e) || e.Kind != faas.Busy || e.Message != words || e.RetryAfter <= 0 {
		t.Errorf("%s: %v, want %q", what, err, words)
		return 0
	}
	return e.RetryAfter
}

func TestRunningExecutionsAreCounted(t *testing.T) {
	ctx := t.Context()
	c := process(newClock(), 2, faas.Unlimited)
	first, err := c.Begin(ctx, "a")
	allowed(t, "the first", err)
	second, err := c.Run(ctx, "a")
	allowed(t, "the second", err)
	_, err = c.Begin(ctx, "a")
	refused(t, "the third", err, "Quota exceeded for concurrent_executions: limit 2, in use 2.")
	allowed(t, "one that runs later", c.Ask(ctx, "a"))
	other, err := c.Begin(ctx, "b")
	allowed(t, "another project's", err)
	first()
	first() // ends once
	third, err := c.Begin(ctx, "a")
	allowed(t, "after one has ended", err)
	_, err = c.Begin(ctx, "a")
	refused(t, "two run again", err, "Quota exceeded for concurrent_executions: limit 2, in use 2.")
	for _, done := range []func(){second, third, other} {
		done()
	}
	if use := c.Use("a"); use[faas.ResourceExecutions] != 0 || use[faas.ResourceCalls] != 3 {
		t.Errorf("in use: %v", use)
	}
}

// TestNeverMoreThanTheLimit has many callers at once.
func TestNeverMoreThanTheLimit(t *testing.T) {
	c := process(newClock(), 10, 500)
	var running, most, began atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for range 40 {
				done, err := c.Begin(t.Context(), "a")
				if err != nil {
					continue
				}
				began.Add(1)
				now := running.Add(1)
				for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
				}
				running.Add(-1)
				done()
			}
		})
	}
	group.Wait()
	if most.Load() > 10 || began.Load() > 500 || began.Load() == 0 {
		t.Errorf("%d ran at a time, %d within a minute", most.Load(), began.Load())
	}
}

func TestCallsPerMinute(t *testing.T) {
	ctx := t.Context()
	clock := newClock()
	c := process(clock, faas.Unlimited, 3)
	const words = "Quota exceeded for calls_per_minute: limit 3, in use 3."
	allowed(t, "the first", c.Ask(ctx, "a"))
	clock.pass(20*time.Second + 300*time.Millisecond)
	allowed(t, "the second", c.Ask(ctx, "a"))
	allowed(t, "the third", c.Ask(ctx, "a"))
	wait := refused(t, "the fourth", c.Ask(ctx, "a"), words)
	_, err := c.Run(ctx, "a")
	allowed(t, "one that was asked for before", err)
	if wait < 39*time.Second || wait > 41*time.Second {
		t.Errorf("told to wait %s", wait)
	}
	clock.pass(wait - time.Millisecond)
	refused(t, "too early", c.Ask(ctx, "a"), words)
	clock.pass(time.Millisecond)
	allowed(t, "after the wait", c.Ask(ctx, "a"))
	refused(t, "another", c.Ask(ctx, "a"), words)
	clock.pass(-time.Hour)
	refused(t, "when the clock is set back", c.Ask(ctx, "a"), words)
	clock.pass(2 * time.Hour)
	allowed(t, "long after", c.Ask(ctx, "a"))

	never := process(clock, faas.Unlimited, 0)
	if wait := refused(t, "no call at all", never.Ask(ctx, "a"), "Quota exceeded for calls_per_minute: limit 0, in use 0."); wait != time.Minute {
		t.Errorf("told to wait %s", wait)
	}
}

// TestProcessesCountTogether has two processes tell each other.
func TestProcessesCountTogether(t *testing.T) {
	ctx := t.Context()
	clock := newClock()
	one, two := process(clock, 3, 10), process(clock, 3, 10)
	tell := func(c *Calls, self string) {
		if news := c.news(self); news != nil {
			one.Hear("one", news)
			two.Hear("two", news)
		}
	}
	ends := []func(){}
	for range 2 {
		done, err := one.Begin(ctx, "a")
		allowed(t, "here", err)
		ends = append(ends, done)
	}
	tell(one, "one")
	tell(one, "one")
	done, err := two.Begin(ctx, "a")
	allowed(t, "there", err)
	_, err = two.Begin(ctx, "a")
	refused(t, "over there", err, "Quota exceeded for concurrent_executions: limit 3, in use 3.")
	tell(two, "two")
	_, err = one.Begin(ctx, "a")
	refused(t, "and here", err, "Quota exceeded for concurrent_executions: limit 3, in use 3.")
	if use := two.Use("a"); use[faas.ResourceExecutions] != 3 || use[faas.ResourceCalls] != 3 {
		t.Errorf("in use: %v", use)
	}
	ends[0]()
	ends[1]()
	tell(one, "one")
	for range 2 {
		d, err := two.Begin(ctx, "a")
		allowed(t, "when those elsewhere have ended", err)
		ends = append(ends, d)
	}
	if one.news("one") != nil {
		t.Error("there is nothing more to tell")
	}
	ends[2]()
	ends[3]()
	done()
	tell(two, "two")

	_, err = one.Begin(ctx, "a")
	allowed(t, "one that never ends", err)
	tell(one, "one")
	if n := two.Use("a")[faas.ResourceExecutions]; n != 1 {
		t.Errorf("%d run elsewhere", n)
	}
	clock.pass(shareFresh + time.Millisecond) // the other process is gone
	if n := two.Use("a")[faas.ResourceExecutions]; n != 0 {
		t.Errorf("%d run in a process that is no more", n)
	}

	one.CountMemory(func() map[string]int64 { return map[string]int64{"a": 5, "b": 7} })
	two.CountMemory(func() map[string]int64 { return map[string]int64{"a": 2} })
	tell(one, "one")
	for project, want := range map[string]int64{"a": 7, "b": 7, "c": 0} {
		if got := two.Use(project)[faas.ResourceMemory]; got != want {
			t.Errorf("the workers of %s have %d, want %d", project, got, want)
		}
	}
	one.CountMemory(nil)
	two.CountMemory(nil)
	two.Hear("two", []byte("nonsense"))
	clock.pass(2 * time.Minute)
	two.news("two")
	if len(two.own) != 0 || len(two.peers) != 0 {
		t.Errorf("remembered: %d projects, %d processes", len(two.own), len(two.peers))
	}
}

func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := NewCalls(New(Config{Driver: Unified{Ask: (&kept{}).Ask}, Defaults: faas.Amounts{}}), nil)
		ctx, cancel := context.WithCancel(t.Context())
		var told atomic.Int64
		var failing atomic.Bool
		failing.Store(true)
		var sharing sync.WaitGroup
		sharing.Go(func() {
			calls.Share(ctx, "one", func(context.Context, []byte) error {
				told.Add(1)
				if failing.Load() {
					return errors.New("away")
				}
				return nil
			}, slog.New(slog.DiscardHandler))
		})
		time.Sleep(10 * time.Second)
		if told.Load() != 0 {
			t.Errorf("told %d times of nothing", told.Load())
		}
		done, err := calls.Begin(ctx, "a")
		allowed(t, "without limits", err)
		time.Sleep(5 * time.Second)
		failing.Store(false)
		done()
		time.Sleep(5 * time.Second)
		if n := told.Load(); n < 5 || n > 7 {
			t.Errorf("told %d times in ten seconds, of which five had something running", n)
		}
		cancel()
		sharing.Wait()
	})
}

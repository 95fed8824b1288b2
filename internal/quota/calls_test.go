package quota

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// process is a counter of calls whose project a may have limits.
func process(c *clock, executions, perMinute int64) *Calls {
	limits := faas.Amounts{faas.ResourceExecutions: executions, faas.ResourceCalls: perMinute}
	return NewCalls(
		New(Config{Driver: settable{Unified{Ask: (&kept{}).Ask}}, Defaults: limits, CacheTime: time.Hour, Now: c.now}),
		64, c.now,
	)
}

func allowed(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// refused returns the error's Retry-After.
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
	const none = "Quota exceeded for calls_per_minute: limit 0, in use 0."
	if wait := refused(t, "no call at all", never.Ask(ctx, "a"), none); wait != time.Minute {
		t.Errorf("told to wait %s", wait)
	}
}

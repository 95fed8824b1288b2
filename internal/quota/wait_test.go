package quota

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// hanging answers like a database or a Keystone that takes its time.
type hanging struct {
	settable
	mu    sync.Mutex
	takes time.Duration
	limit int64
	asked int
}

func (h *hanging) Limits(ctx context.Context, _ string) (faas.Amounts, error) {
	h.mu.Lock()
	h.asked++
	takes, limit := h.takes, h.limit
	h.mu.Unlock()
	select {
	case <-time.After(takes):
		return faas.Amounts{faas.ResourceFunctions: limit}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *hanging) set(takes time.Duration, limit int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.takes, h.limit = takes, limit
}

func (h *hanging) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

// patient runs the test on a clock of its own, with limits that are remembered for 10 s.
func patient(t *testing.T, fallback bool, test func(t *testing.T, q *Quotas, h *hanging)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{limit: 5}
		q := New(
			Config{
				Driver:    h,
				Defaults:  defaults,
				CacheTime: 10 * time.Second,
				Fallback:  fallback,
				Log:       slog.New(slog.DiscardHandler),
			},
		)
		test(t, q, h)
		time.Sleep(readTimeout + time.Second) // for what is under way
	})
}

// within has a project have so many functions, said within the time.
func within(t *testing.T, q *Quotas, project string, want int64, longest time.Duration) {
	t.Helper()
	begun := time.Now()
	may(t, q, project, want)
	if took := time.Since(begun); took > longest {
		t.Errorf("%s was told after %v", project, took)
	}
}

// TestKnownLimitsAreNotWaitedFor has limits that are out of date be read by a driver that takes its
// time: all go on with them, and one reads.
func TestKnownLimitsAreNotWaitedFor(t *testing.T) {
	patient(t, false, func(t *testing.T, q *Quotas, h *hanging) {
		within(t, q, "a", 5, 0)
		time.Sleep(time.Minute)
		h.set(5*time.Second, 6)
		for range 20 {
			within(t, q, "a", 5, 0)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		within(t, q, "a", 6, 0)
		if n := h.count(); n != 2 {
			t.Errorf("read %d times", n)
		}
	})
}

// TestOldLimitsAreWaitedFor once; when they cannot be read, they hold.
func TestOldLimitsAreWaitedFor(t *testing.T) {
	patient(t, false, func(t *testing.T, q *Quotas, h *hanging) {
		within(t, q, "a", 5, 0)
		h.set(2*time.Second, 6)
		time.Sleep(10*time.Second + staleFor)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { within(t, q, "a", 6, 2*time.Second) })
		}
		all.Wait()
		if n := h.count(); n != 2 {
			t.Errorf("read %d times", n)
		}
		h.set(time.Hour, 7)
		time.Sleep(10*time.Second + staleFor)
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if limits, err := q.Limits(hasty, "a"); err != nil || limits.Limit(faas.ResourceFunctions) != 6 ||
			time.Since(begun) != time.Second {
			t.Errorf("a caller in a hurry is told %v, %v after %v", limits, err, time.Since(begun))
		}
		within(t, q, "a", 6, readTimeout)
		for range 50 {
			within(t, q, "a", 6, 0)
			time.Sleep(time.Second)
		}
	})
}

// TestUnknownLimitsAreWaitedFor as long as the caller can.
func TestUnknownLimitsAreWaitedFor(t *testing.T) {
	for name, fallback := range map[string]bool{"an error": false, "the defaults": true} {
		t.Run(name, func(t *testing.T) {
			patient(t, fallback, func(t *testing.T, q *Quotas, h *hanging) {
				h.set(time.Hour, 5)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				begun := time.Now()
				limits, err := q.Limits(ctx, "a")
				if took := time.Since(begun); took != time.Second {
					t.Errorf("waited for %v", took)
				}
				if fallback && (err != nil || limits.Limit(faas.ResourceFunctions) != 100) {
					t.Errorf("got %v, %v", limits, err)
				}
				var e *faas.Error
				if !fallback && (!errors.As(err, &e) || e.Kind != faas.Unavailable || e.RetryAfter != retryPause) {
					t.Errorf("got %v, %v", limits, err)
				}
			})
		})
	}
}

// TestSetWhileReadsHang holds at once.
func TestSetWhileReadsHang(t *testing.T) {
	patient(t, false, func(t *testing.T, q *Quotas, h *hanging) {
		within(t, q, "a", 5, 0)
		time.Sleep(11 * time.Second)
		h.set(5*time.Second, 6)
		within(t, q, "a", 5, 0) // has them read anew
		synctest.Wait()
		h.set(0, 7)
		if err := q.Set(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		within(t, q, "a", 7, 0)
		time.Sleep(5 * time.Second) // what was read before comes now
		synctest.Wait()
		within(t, q, "a", 7, 0)
	})
}

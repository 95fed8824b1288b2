package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSharedReads has many callers at once: few reads serve them, and each gets what was there when
// it asked or later.
func TestSharedReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var version, reads atomic.Int64
		s := newShared(func(context.Context, string) (int64, error) {
			reads.Add(1)
			seen := version.Load()
			time.Sleep(time.Millisecond) // in a bubble: time passes when all wait
			return seen, nil
		})
		var callers sync.WaitGroup
		for i := range 100 {
			callers.Go(func() {
				time.Sleep(time.Duration(i) * 37 * time.Microsecond)
				asked := version.Add(1)
				got, err := s.get(t.Context(), "f")
				if err != nil || got < asked {
					t.Errorf("got version %d, %v, having asked at version %d", got, err, asked)
				}
			})
		}
		callers.Wait()
		s.wait()
		if n := reads.Load(); n > 7 {
			t.Errorf("%d reads in 4 ms of 1 ms each", n)
		}
		if len(s.flights) != 0 {
			t.Errorf("%d flights are left", len(s.flights))
		}
	})
}

// TestSharedReadLeft has the one who reads leave, and then one who waits: the others get their
// rows, or the error that there was.
func TestSharedReadLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		s := newShared(func(ctx context.Context, id string) (string, error) {
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(time.Second):
			}
			if id == "bad" {
				return "", broken
			}
			return id, nil
		})
		soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var callers sync.WaitGroup
		for i, c := range []struct {
			ctx  context.Context
			id   string
			want error
		}{
			{soon, "f", context.DeadlineExceeded}, {t.Context(), "f", nil}, {soon, "f", context.DeadlineExceeded}, {t.Context(), "f", nil},
			{t.Context(), "bad", broken}, {t.Context(), "bad", broken},
		} {
			callers.Go(func() {
				if got, err := s.get(c.ctx, c.id); !errors.Is(err, c.want) || err == nil && got != c.id {
					t.Error(fmt.Sprint(i), got, err)
				}
			})
			synctest.Wait()
		}
		callers.Wait()
		s.wait()
	})
}

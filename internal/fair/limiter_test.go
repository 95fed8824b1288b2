package fair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// empty fails unless nobody holds or waits and all slots are free.
func empty(t *testing.T, l *Limiter, slots int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free != slots || len(l.held)+len(l.waiting) != 0 {
		t.Errorf("something is left: %d free, %v held, %d projects wait", l.free, l.held, len(l.waiting))
	}
}

// enterAll has so many of a project wait; each that gets a slot says so and frees it when it is
// told.
func enterAll(ctx context.Context, l *Limiter, in chan<- string, out <-chan struct{}, project string, n int) {
	for range n {
		go func() {
			leave, err := l.Enter(ctx, project)
			if err != nil {
				return
			}
			in <- project
			<-out
			leave()
		}()
	}
}

func TestLimiterIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(10, Leaving(4), 0)
		in, out := make(chan string, 100), make(chan struct{})
		enterAll(t.Context(), l, in, out, "flood", 40)
		synctest.Wait()
		if len(in) != 8 {
			t.Fatalf("%d of ten slots are one project's, want eight", len(in))
		}
		for len(in) > 0 {
			<-in
		}
		enterAll(t.Context(), l, in, out, "other", 3)
		synctest.Wait()
		if first := <-in; first != "other" {
			t.Fatalf("%s has the free slot", first)
		}
		var order []string
		for len(order) < 42-8 {
			out <- struct{}{}
			synctest.Wait()
			for len(in) > 0 {
				order = append(order, <-in)
			}
		}
		if last := slices.Index(order[slices.Index(order, "other")+1:], "other"); last > 6 {
			t.Errorf("the other project waited for %d of the flood", last)
		}
		for l.Held("flood")+l.Held("other") > 0 {
			out <- struct{}{}
			synctest.Wait()
		}
		empty(t, l, 10)
	})
}

func TestLimiterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(1, Leaving(4), 0)
		leave, err := l.Enter(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Enter(ctx, "b"); !errors.Is(err, context.DeadlineExceeded) || len(l.Waiting()) != 0 {
			t.Errorf("got %v", err)
		}
		leave()
		leave() // a second call frees nothing more
		if leave, err = l.Enter(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		leave()
		empty(t, l, 1)
	})
}

// TestLimiterNeedsMoreThanASlot has one project for which there is no more of what it needs:
// another passes it.
func TestLimiterNeedsMoreThanASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(2, AtMost(2), 0)
		room := false
		begin := func() (func(), error) {
			if !room {
				return nil, errors.New("none now")
			}
			return func() { room = false }, nil
		}
		entered := make(chan func(), 1)
		go func() {
			leave, err := l.EnterWith(t.Context(), "a", begin)
			if err != nil {
				t.Error(err)
			}
			entered <- leave
		}()
		synctest.Wait()
		if leave, ok := l.TryEnter("b"); !ok {
			t.Error("one project's want holds up another")
		} else {
			leave()
		}
		if !l.IsWaiting("a") || l.IsWaiting("b") {
			t.Errorf("%q wait", l.Waiting())
		}
		room = true
		l.Retry()
		(<-entered)()
		if room {
			t.Error("what was taken besides the slot is not given back")
		}
		empty(t, l, 2)
	})
}

func TestLimiterBoundsThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(1, AtMost(1), 2)
		in, out := make(chan string, 10), make(chan struct{})
		enterAll(t.Context(), l, in, out, "a", 3)
		synctest.Wait()
		if _, err := l.Enter(t.Context(), "a"); !errors.Is(err, ErrTooManyWaiting) {
			t.Errorf("got %v", err)
		}
		close(out)
		synctest.Wait()
		empty(t, l, 1)
	})
}

func TestTryEnterIsBounded(t *testing.T) {
	l := NewLimiter(8, AtMost(2), 0)
	var leaves []func()
	enter := func(project string, times int) (n int) {
		for range times {
			if leave, ok := l.TryEnter(project); ok {
				leaves = append(leaves, leave)
				n++
			}
		}
		return n
	}
	for _, p := range []string{"a", "b", "c", "d"} {
		if n := enter(p, 5); n != 2 {
			t.Errorf("%d of project %s, want two", n, p)
		}
	}
	if enter("e", 1) != 0 {
		t.Error("more than eight slots are held")
	}
	for _, leave := range leaves {
		leave()
	}
	empty(t, l, 8)
}

// TestLimiterUnderLoad has waiters that are cancelled, some as their turn comes, and counts who
// holds a slot at a time.
func TestLimiterUnderLoad(t *testing.T) {
	const slots = 4
	l := NewLimiter(slots, AtMost(2), 0)
	var now, most atomic.Int64
	var all sync.WaitGroup
	for n := range 400 {
		ctx, cancel := context.WithCancel(t.Context())
		all.Go(func() {
			leave, err := l.Enter(ctx, fmt.Sprint(n%5))
			if err != nil {
				return
			}
			held := now.Add(1)
			for before := most.Load(); held > before && !most.CompareAndSwap(before, held); before = most.Load() {
			}
			now.Add(-1)
			leave()
		})
		if n%2 == 0 {
			all.Go(cancel)
		} else {
			defer cancel()
		}
	}
	all.Wait()
	if most.Load() > slots {
		t.Errorf("%d at a time", most.Load())
	}
	empty(t, l, slots)
}

package duework_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// shelf is items in memory, by the clock of a bubble of synctest, which goes on when nobody has
// anything to do: the database's clock does not. It counts the statements that a database would
// have.
type shelf struct {
	mu                sync.Mutex
	due               map[string]time.Time // by ref
	looks, statements int
}

func (s *shelf) EnsureDue(context.Context, string, string) error {
	s.statement()
	return nil
}

func (s *shelf) statement() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statements++
}

func (s *shelf) add(ref string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due[ref] = at
}

func (s *shelf) counted() (looks, statements int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looks, s.statements
}

func (s *shelf) DueItems(_ context.Context, q store.DueQuery) (items []store.DueItem, err error) {
	s.statement()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	for ref, at := range s.due {
		if in := time.Until(at); in <= q.Within {
			items = append(items, store.DueItem{Kind: "k", Ref: ref, In: in})
		}
	}
	return items, nil
}

func (s *shelf) TakeDue(
	_ context.Context, _ faas.Ownership, items []store.DueItem, _ func(string) time.Duration,
) ([]store.DueItem, error) {
	s.statement()
	return items, nil
}

func (s *shelf) HandOverDue(context.Context, faas.Ownership, string, time.Duration) (int, error) {
	s.statement()
	return 0, nil
}

func (s *shelf) DueDone(_ context.Context, i store.DueItem) error {
	s.statement()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.due, i.Ref)
	return nil
}

func (s *shelf) DueAgain(context.Context, store.DueItem, time.Duration) error { panic("not done") }
func (s *shelf) DueFailed(context.Context, store.DueItem, time.Duration, string) error {
	panic("failed")
}
func (s *shelf) DueDead(context.Context, store.DueItem, string) error { panic("dead") }

// TestLooks has nothing cost a statement that is not due, and what is due done when it is.
func TestLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const idle = 1000
		s, begun := &shelf{due: map[string]time.Time{}}, time.Now()
		for range idle {
			s.add(faas.NewID(), begun.Add(48*time.Hour))
		}
		var mu sync.Mutex
		done := map[string]time.Duration{} // after how long
		doneAfter := func(ref string) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return done[ref]
		}
		owned := make([]faas.Ownership, 64)
		for shard := range owned {
			owned[shard].Shard = shard
		}
		r := duework.New(duework.Config{
			Store: s, Owned: func() []faas.Ownership { return owned }, Log: slog.New(slog.DiscardHandler),
			Kinds: []duework.Kind{{Name: "k", Run: func(_ context.Context, i store.DueItem) (duework.Next, error) {
				mu.Lock()
				defer mu.Unlock()
				done[i.Ref] = time.Since(begun)
				return duework.Done(), nil
			}}},
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); r.Run(ctx) }()
		until := func(after time.Duration) {
			time.Sleep(time.Until(begun.Add(after))) // the bubble's clock, which nobody waits for
			synctest.Wait()
		}
		until(time.Hour)
		looks, statements := s.counted()
		if most := int(time.Hour/faas.WorkLook) + 1; statements > most || looks < most/2 {
			t.Errorf(
				"an hour with %d idle items took %d statements, %d of them looks; want %d at most",
				idle,
				statements,
				looks,
				most,
			)
		}
		// What is due after this look and before the next is done to the moment.
		at := time.Hour + faas.WorkLook + 3300*time.Millisecond
		s.add("soon", begun.Add(at))
		until(time.Hour + 3*faas.WorkLook)
		if got := doneAfter("soon"); got != at {
			t.Errorf("what is due after %v was done after %v", at, got)
		}
		if n, _ := s.counted(); n-looks > 6 {
			t.Errorf("%d looks in three times their pause", n-looks)
		}
		// What is added to be done before the next look is done when it is announced.
		until(2*time.Hour + time.Second/2)
		s.add("at once", time.Now())
		r.Wake()
		until(2*time.Hour + time.Second)
		if late := doneAfter("at once") - 2*time.Hour - time.Second/2; late < 0 || late > 100*time.Millisecond {
			t.Errorf("what was announced was done %v late", late)
		}
		cancel()
		<-ended
		if len(done) != 2 || len(s.due) != idle {
			t.Errorf("done are %v, left %d", done, len(s.due))
		}
	})
}

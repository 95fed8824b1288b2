package memory

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestMemoryIsSharedByProjects(t *testing.T) {
	const unit = 1 << 20
	m := New(1000 * unit)
	is := func(err error, want faas.Kind) {
		t.Helper()
		if faas.KindOf(err) != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	one, err := m.Enter("one", 400*unit)
	is(err, "")
	is(one.Bring(200*unit), "") // four fifths of the 750 that may be brought
	is(one.Bring(unit), faas.Busy)
	is(one.Bring(RequestCost), "") // a small one has room
	two, err := m.Enter("two", 149*unit)
	is(err, "")
	three, err := m.Enter("three", unit)
	is(err, faas.Unavailable)
	three.Release()
	two.Release()
	three, err = m.Enter("three", unit)
	is(err, "")

	if !two.take(200*unit) || !three.take(190*unit) || three.take(20*unit) { // answers have the rest
		t.Error("answers have more or less room than there is")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	order := make(chan string, 10)
	begin := func(ctx context.Context, g *Grant, name string, bytes int64) {
		n := m.Waiting()
		waiting.Go(func() {
			if err := g.Await(ctx, bytes); err != nil {
				name += " gave up"
			}
			order <- name
		})
		awaitWaiting(t, m, n+1)
	}
	begin(ctx, one, "first of one", 240*unit)
	begin(t.Context(), one, "second of one", 100*unit)
	begin(t.Context(), one, "third of one", 30*unit)
	begin(t.Context(), two, "of two", 180*unit) // it holds less than one does, so it comes before
	if _, err := m.Enter("four", unit); err != nil {
		t.Errorf("who waits for an answer keeps others from entering: %v", err)
	}
	cancel()
	if got := <-order; got != "first of one gave up" {
		t.Errorf("%s came first", got)
	}
	three.Release()
	if got := <-order; got != "of two" {
		t.Errorf("%s came second", got)
	}
	two.Release()
	if got := []string{<-order, <-order}; !slices.Contains(got, "second of one") || !slices.Contains(got, "third of one") {
		t.Errorf("%s came last", got)
	}
	waiting.Wait()
	one.GiveBack(1000 * unit) // no more than was taken
	if one.Held() != 600*unit+RequestCost {
		t.Errorf("%d bytes are left of what was brought", one.Held())
	}
	one.Release()
	one.Release()                                                    // it is over for good
	if m.used != unit || m.brought != unit || len(m.projects) != 1 { // of four
		t.Errorf("%d bytes are held by %v", m.used, m.projects)
	}
	var none *Grant
	is(none.Bring(1<<40), "")
	is(none.Await(t.Context(), 1<<40), "")
	none.Release()
}

// awaitWaiting waits until so many wait.
func awaitWaiting(t *testing.T, m *Budget, n int) {
	t.Helper()
	for late := time.Now().Add(time.Minute); m.Waiting() != n; {
		if time.Now().After(late) {
			t.Fatalf("%d wait, want %d", m.Waiting(), n)
		}
	}
}

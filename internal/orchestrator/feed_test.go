package orchestrator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
)

// worker returns a generic worker.
func worker(id string, ready bool) faas.Worker { return faas.Worker{ID: id, Ready: ready} }

// words renders changes for comparison: "a" is there, "A" is there and ready, "-a:why" is gone.
func words(batch []Change) string {
	all := make([]string, 0, len(batch))
	for _, c := range batch {
		switch {
		case c.Gone:
			all = append(all, "-"+c.Worker.ID+":"+c.Reason)
		case c.Worker.Ready:
			all = append(all, strings.ToUpper(c.Worker.ID))
		default:
			all = append(all, c.Worker.ID)
		}
	}
	return strings.Join(all, " ")
}

func expect(t *testing.T, batches <-chan []Change, want string) {
	t.Helper()
	batch, open := <-batches
	if !open {
		t.Fatalf("the channel was closed in place of %q", want)
	}
	if got := words(batch); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestWatchStartsWithAllWorkers(t *testing.T) {
	defer goleak.VerifyNone(t)
	var feed Feed
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // of the first watch, some changes are not read
	empty := feed.Watch(ctx)
	expect(t, empty, "")
	feed.Set(worker("a", true))
	expect(t, empty, "A")
	feed.Set(worker("b", false))
	feed.End("a", "crashed")
	feed.Set(worker("c", true))
	late := <-feed.Watch(ctx)
	slices.SortFunc(late, func(a, b Change) int { return strings.Compare(a.Worker.ID, b.Worker.ID) })
	if got := words(late); got != "b C" {
		t.Errorf("a later watch begins with %q", got)
	}
}

func TestWatchDeliversEachChangeInOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	var feed Feed
	defer feed.Close()
	changes := feed.Watch(t.Context())
	expect(t, changes, "")
	for _, step := range []struct {
		change func()
		want   string
	}{
		{func() { feed.Set(worker("a", false)) }, "a"},
		{func() { feed.Set(worker("a", true)) }, "A"},
		{func() { feed.Set(worker("b", true)) }, "B"},
		{func() { feed.End("a", "removed") }, "-a:removed"},
		{func() { feed.Set(worker("a", true)) }, "A"},
	} {
		step.change()
		expect(t, changes, step.want)
	}
}

func TestWhatIsShownAlreadyIsNoChange(t *testing.T) {
	defer goleak.VerifyNone(t)
	var feed Feed
	defer feed.Close()
	changes := feed.Watch(t.Context())
	expect(t, changes, "")
	a := worker("a", true)
	a.StartedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	feed.Set(a)
	expect(t, changes, "A")
	a.StartedAt = a.StartedAt.In(time.FixedZone("elsewhere", 3600)) // the same instant
	feed.Set(a)
	feed.End("none", "there is none")
	feed.Set(worker("b", false))
	expect(t, changes, "b")
}

// A reader that stands still while workers come, change and go must find each worker's latest
// state, once, and must not make the queue grow.
func TestLaggingWatcherGetsTheLatestStates(t *testing.T) {
	defer goleak.VerifyNone(t)
	var feed Feed
	defer feed.Close()
	feed.Set(worker("a", false))
	feed.Set(worker("b", false))
	changes := feed.Watch(t.Context())
	<-changes
	feed.Set(worker("hold", false))
	for i := range 1000 {
		id := fmt.Sprint("passing", i)
		feed.Set(worker(id, true))
		feed.End(id, "unseen")
		feed.Set(worker("a", i%2 == 0))
	}
	feed.Set(worker("c", false))
	feed.End("b", "crashed")
	feed.Set(worker("a", true))

	feed.mu.Lock()
	for w := range feed.watchers {
		if len(w.pending) > 4 {
			t.Errorf("of four workers %d changes are queued", len(w.pending))
		}
	}
	feed.mu.Unlock()

	latest := map[string]string{}
	for latest["a"] != "A" || latest["b"] == "" || latest["c"] == "" || latest["hold"] == "" {
		for _, c := range <-changes {
			latest[c.Worker.ID] = words([]Change{c})
		}
	}
	for id, words := range latest {
		if strings.HasPrefix(id, "passing") { // it had been taken out for the reader before it went
			if words != "-"+id+":unseen" {
				t.Errorf("of a worker that is gone the reader knows %q", words)
			}
			delete(latest, id)
		}
	}
	want := map[string]string{"hold": "hold", "a": "A", "b": "-b:crashed", "c": "c"}
	if !maps.Equal(latest, want) {
		t.Errorf("the reader knows %v, want %v", latest, want)
	}
}

func TestCloseDeliversWhatIsQueued(t *testing.T) {
	defer goleak.VerifyNone(t)
	var feed Feed
	feed.Set(worker("a", true))
	changes := feed.Watch(t.Context())
	feed.End("a", "the service stops")
	feed.Close()
	feed.Set(worker("b", true)) // too late
	known := map[string]bool{}
	for batch := range changes { // ends when the channel is closed
		for _, c := range batch {
			known[c.Worker.ID] = !c.Gone
		}
	}
	if known["a"] || known["b"] {
		t.Errorf("after the end the reader knows %v", known)
	}
	if batch, open := <-feed.Watch(t.Context()); !open || len(batch) > 0 {
		t.Errorf("a closed feed begins with %v, %v", batch, open)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	var feed Feed
	ctx, cancel := context.WithCancel(t.Context())
	reading, idle := feed.Watch(ctx), feed.Watch(ctx)
	expect(t, reading, "")
	cancel()
	for range reading { // ends when the channel is closed
	}
	for range idle {
	}
	feed.mu.Lock()
	defer feed.mu.Unlock()
	if len(feed.watchers) > 0 {
		t.Errorf("%d watchers are left", len(feed.watchers))
	}
}

// Many writers and readers at once: every reader ends with what the feed shows.
func TestWatchersConverge(t *testing.T) {
	defer goleak.VerifyNone(t)
	var feed Feed
	var writers, readers sync.WaitGroup
	views := make([]map[string]faas.Worker, 4)
	for i := range views {
		views[i] = map[string]faas.Worker{}
		changes := feed.Watch(t.Context())
		readers.Go(func() {
			for batch := range changes {
				apply(t, views[i], batch)
			}
		})
	}
	for i := range 4 {
		writers.Go(func() {
			for round := range 500 {
				id := fmt.Sprint(i, "-", round%7)
				feed.Set(worker(id, round%2 == 0))
				if round%3 == 0 {
					feed.End(id, "round")
				}
			}
		})
	}
	writers.Wait()
	feed.Close()
	readers.Wait()
	want := map[string]faas.Worker{}
	for _, w := range feed.Workers() {
		want[w.ID] = w
	}
	for i, view := range views {
		if !maps.Equal(view, want) {
			t.Errorf("reader %d knows %v, want %v", i, view, want)
		}
	}
}

func apply(t *testing.T, view map[string]faas.Worker, batch []Change) {
	in := map[string]bool{}
	for _, c := range batch {
		if in[c.Worker.ID] {
			t.Errorf("worker %s is twice in one batch", c.Worker.ID)
		}
		in[c.Worker.ID] = true
		if _, known := view[c.Worker.ID]; c.Gone && !known {
			t.Errorf("worker %s ended before it was shown", c.Worker.ID)
		}
		if c.Gone {
			delete(view, c.Worker.ID)
		} else {
			view[c.Worker.ID] = c.Worker
		}
	}
}

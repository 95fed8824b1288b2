package engine

import (
	"testing"
	"time"
)

func TestWorkersFor(t *testing.T) {
	for _, c := range []struct {
		calls       float64
		slots, want int
	}{{0, 3, 0}, {-1, 3, 0}, {0.1, 3, 1}, {1, 3, 1}, {3, 3, 1}, {3.01, 3, 2}, {6, 3, 2}, {200, 3, 67}, {5, 1, 5}} {
		if got := workersFor(c.calls, c.slots); got != c.want {
			t.Errorf("%v calls on workers of %d: %d workers, want %d", c.calls, c.slots, got, c.want)
		}
	}
}

func TestWanted(t *testing.T) {
	calm := demandNumbers{Workers: 4, Slots: 3, Most: 10, Seen: time.Hour, Calm: time.Hour, StableFor: time.Minute}
	for name, c := range map[string]struct {
		change func(*demandNumbers)
		want   int
	}{
		"nothing to do keeps one":               {func(*demandNumbers) {}, 1},
		"what the window needed stays":          {func(n *demandNumbers) { n.Stable = 8 }, 3},
		"a burst that just began counts":        {func(n *demandNumbers) { n.Panic = 15 }, 5},
		"never more than it may have":           {func(n *demandNumbers) { n.Panic = 300 }, 10},
		"not before it was watched for long":    {func(n *demandNumbers) { n.Seen = 59 * time.Second }, 4},
		"not soon after a panic":                {func(n *demandNumbers) { n.Calm = 59 * time.Second }, 4},
		"a bound that was lowered takes effect": {func(n *demandNumbers) { n.Most, n.Stable = 2, 12 }, 2},
	} {
		n := calm
		c.change(&n)
		if got := n.wanted(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestPanicIsTwiceWhatThereIs(t *testing.T) {
	n := demandNumbers{Workers: 2, Slots: 3, Panic: 9}
	if n.inPanic() {
		t.Error("nine calls are three workers: no panic with two")
	}
	if n.Panic = 9.5; !n.inPanic() {
		t.Error("four workers are twice what there is")
	}
}

func TestWindows(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	series := []moment{{at(0), 0}, {at(2), 6}, {at(4), 6}, {at(6), 0}, {at(8), 0}, {at(10), 3}}
	if got := average(series, at(6)); got != 1 {
		t.Errorf("average %v", got)
	}
	if got := highest(series, 2*time.Second); got != 6 {
		t.Errorf("highest of spans of two seconds %v", got)
	}
	if got := highest(series, 6*time.Second); got != 4 { // what there was before the first is not known
		t.Errorf("highest of spans of six seconds %v", got)
	}
	if average(nil, at(0)) != 0 || highest(nil, time.Second) != 0 {
		t.Error("nothing is nothing")
	}
}

func TestPoolSize(t *testing.T) {
	for _, c := range []struct{ claimed, least, most, room, want int }{
		{0, 3, 10, 100, 3}, {7, 3, 10, 100, 7}, {70, 3, 10, 100, 10}, {7, 3, 10, 5, 5}, {7, 3, 10, -2, 3}, {7, 3, 0, 100, 3},
	} {
		if got := poolSize(c.claimed, c.least, c.most, c.room); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	if got := mostWithin([]time.Time{at(0), at(1), at(8), at(12), at(13), at(14), at(40)}, 10*time.Second); got != 4 {
		t.Errorf("%d within ten seconds, want four", got)
	}
}

func TestFairShare(t *testing.T) {
	for _, c := range []struct{ all, projects, want int }{{100, 1, 100}, {100, 3, 33}, {2, 5, 1}, {10, 0, 10}} {
		if got := fairShare(c.all, c.projects); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// TestDemand watches a function through a burst and its end, on a clock of its own.
func TestDemand(t *testing.T) {
	d := newDemand(time.Minute)
	now := time.Unix(0, 0)
	look := func(busy, workers int) demandNumbers {
		now = now.Add(2 * time.Second)
		return d.sampled(testKey, busy, workers, 3, 10, now)
	}
	for range 40 {
		if n := look(2, 3); n.wanted() < 3 && n.Seen < time.Minute {
			t.Fatalf("shrinks after %v", n.Seen)
		}
	}
	if n := look(2, 3); n.wanted() != 1 {
		t.Errorf("two calls at a time for a minute want %d workers", n.wanted())
	}
	for range 3 {
		look(30, 3)
	}
	if n := look(30, 3); !n.inPanic() || n.wanted() != 10 {
		t.Errorf("ten times the demand: %+v", n)
	}
	for range 29 {
		if n := look(0, 10); n.wanted() != 10 {
			t.Fatalf("shrinks %v after a panic to %d", n.Calm, n.wanted())
		}
	}
	for range 8 {
		look(0, 10)
	}
	if n := look(0, 10); n.wanted() != 1 {
		t.Errorf("a quiet minute wants %d workers", n.wanted())
	}
}

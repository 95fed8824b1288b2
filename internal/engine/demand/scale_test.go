package demand

import (
	"testing"
	"time"
)

func TestWorkersFor(t *testing.T) {
	for _, c := range []struct {
		calls       float64
		slots, want int
	}{{0, 3, 0}, {-1, 3, 0}, {0.1, 3, 1}, {1, 3, 1}, {3, 3, 1}, {3.01, 3, 2}, {6, 3, 2}, {200, 3, 67}, {5, 1, 5}} {
		if got := WorkersFor(c.calls, c.slots); got != c.want {
			t.Errorf("%v calls on workers of %d: %d workers, want %d", c.calls, c.slots, got, c.want)
		}
	}
}

func TestWanted(t *testing.T) {
	calm := numbers{Workers: 4, Slots: 3, Most: 10, Watched: time.Hour, Calm: time.Hour, StableFor: time.Minute}
	for name, c := range map[string]struct {
		change func(*numbers)
		want   int
	}{
		"nothing to do keeps one":               {func(*numbers) {}, 1},
		"what the window needed stays":          {func(n *numbers) { n.Stable = 8 }, 3},
		"a burst that just began counts":        {func(n *numbers) { n.Panic = 15 }, 5},
		"never more than it may have":           {func(n *numbers) { n.Panic = 300 }, 10},
		"not before it was watched for long":    {func(n *numbers) { n.Watched = 59 * time.Second }, 4},
		"not soon after a panic":                {func(n *numbers) { n.Calm = 59 * time.Second }, 4},
		"a bound that was lowered takes effect": {func(n *numbers) { n.Most, n.Stable = 2, 12 }, 2},
	} {
		n := calm
		c.change(&n)
		if got := n.wanted(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestPanicIsTwiceWhatThereIs(t *testing.T) {
	n := numbers{Workers: 2, Slots: 3, Panic: 9}
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

package demand

import (
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// This is the arithmetic of growing and shrinking: numbers in, numbers out.

// WorkersFor returns how many workers with so many slots each the calls at a time need.
func WorkersFor(calls float64, slots int) int {
	if calls <= 0 {
		return 0
	}
	n := int(calls) / slots
	if float64(n*slots) < calls {
		n++
	}
	return n
}

// SlotsOf returns how many calls the worker takes at a time, at least 1.
func SlotsOf(w faas.Worker) int {
	if w.Slots > 0 {
		return w.Slots
	}
	return faas.DefaultConcurrency
}

// moment is how many calls a function had under way and waiting at a time.
type moment struct {
	at    time.Time
	calls int
}

// average returns the mean of the moments since the time; 0 when there is none.
func average(series []moment, since time.Time) float64 {
	sum, n := 0, 0
	for _, m := range series {
		if !m.at.Before(since) {
			sum += m.calls
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n)
}

// highest returns the highest average over any span of the length that ends at one of the moments,
// which are in ascending order.
func highest(series []moment, span time.Duration) float64 {
	best, first, sum := 0.0, 0, 0
	for i, m := range series {
		sum += m.calls
		for series[first].at.Before(m.at.Add(-span)) {
			sum -= series[first].calls
			first++
		}
		best = max(best, float64(sum)/float64(i-first+1))
	}
	return best
}

// panicFactor is how many times the workers there are a function must need for it to be in panic.
const panicFactor = 2

// numbers is what the number of a function's workers is worked out from.
type numbers struct {
	Workers   int           // that it has
	Slots     int           // calls that one takes at a time
	Most      int           // workers that it may have
	Stable    float64       // calls at a time: the highest average of a panic window within the stable window
	Panic     float64       // calls at a time: the average of the last panic window
	Watched   time.Duration // for how long it has been sampled
	Calm      time.Duration // since it was last in panic
	StableFor time.Duration // the length of the stable window
}

// inPanic reports whether the short window demands so much more than there is that nothing may be
// taken away for a while.
func (n numbers) inPanic() bool {
	return WorkersFor(n.Panic, n.Slots) >= panicFactor*max(n.Workers, 1)
}

// wanted returns how many workers the function should have. It is less than it has only after a
// whole stable window that needed fewer and was without panic, and never less than one: the last
// worker ends when it has been idle for the idle time.
func (n numbers) wanted() int {
	need := min(max(WorkersFor(max(n.Stable, n.Panic), n.Slots), 1), max(n.Most, 1))
	if need < n.Workers && (n.Watched < n.StableFor || n.Calm < n.StableFor || n.inPanic()) {
		return n.Workers
	}
	return need
}

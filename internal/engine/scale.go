package engine

import "time"

// This is the arithmetic of growing and shrinking: numbers in, numbers out.

// workersFor is how many workers so many calls at a time need.
func workersFor(calls float64, slots int) int {
	if calls <= 0 {
		return 0
	}
	n := int(calls) / slots
	if float64(n*slots) < calls {
		n++
	}
	return n
}

// moment is how many calls a function had under way and waiting at a time.
type moment struct {
	at    time.Time
	calls int
}

// average is the mean of the moments since the time; 0 when there is none.
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

// highest is the highest average over any span of the length that ends at one of the moments, which are in ascending order.
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

// demandNumbers is what the number of a function's workers is worked out from.
type demandNumbers struct {
	Workers   int           // that it has
	Slots     int           // calls that one takes at a time
	Most      int           // workers that it may have
	Stable    float64       // calls at a time: the highest average of a panic window within the stable window
	Panic     float64       // calls at a time: the average of the last panic window
	Seen      time.Duration // for how long it has been watched
	Calm      time.Duration // since it was last in panic
	StableFor time.Duration // the length of the stable window
}

// inPanic tells whether the short window demands so much more than there is that nothing may be taken away for a while.
func (n demandNumbers) inPanic() bool {
	return workersFor(n.Panic, n.Slots) >= panicFactor*max(n.Workers, 1)
}

// wanted is how many workers the function should have. It is less than it has only after a whole stable window that needed fewer and
// without panic, and never less than one: the last worker leaves when it has been idle for the idle time.
func (n demandNumbers) wanted() int {
	need := min(max(workersFor(max(n.Stable, n.Panic), n.Slots), 1), max(n.Most, 1))
	if need < n.Workers && (n.Seen < n.StableFor || n.Calm < n.StableFor || n.inPanic()) {
		return n.Workers
	}
	return need
}

// mostWithin is the most of the times, which are in ascending order, within any span of the length.
func mostWithin(times []time.Time, span time.Duration) int {
	best, first := 0, 0
	for i, t := range times {
		for times[first].Before(t.Add(-span)) {
			first++
		}
		best = max(best, i-first+1)
	}
	return best
}

// poolSize is how many generic workers a runtime's pool should hold: as many as were claimed at most while a pool refills, but no fewer than
// least, no more than most, and beyond least no more than there is room for workers.
func poolSize(claimed, least, most, room int) int {
	return max(least, min(claimed, most, room))
}

// fairShare is how many of all workers a project may have while so many projects, it among them, have or want some.
func fairShare(all, projects int) int { return max(all/max(projects, 1), 1) }

package quota

import "time"

// window counts events of the last minute by the second. It covers a second more than a minute, so
// that no minute, whenever it begins, has more than the limit.
type window struct {
	counts [span]int64
	last   int64 // the second that was counted last, since 1970
	sum    int64
}

const span = 61

// advance drops seconds that are too old. While a clock that was set back catches up, it does
// nothing.
func (w *window) advance(now time.Time) {
	second := now.Unix()
	if second-w.last >= span {
		*w = window{last: second}
		return
	}
	for w.last < second {
		w.last++
		at := &w.counts[w.last%span]
		w.sum -= *at
		*at = 0
	}
}

func (w *window) add(now time.Time, n int64) {
	w.advance(now)
	w.counts[w.last%span] += n
	w.sum += n
}

// room returns how long it takes until one more is within the limit, when nothing else comes: 0 for
// now, a minute for never.
func (w *window) room(now time.Time, limit int64) time.Duration {
	w.advance(now)
	if w.sum < limit {
		return 0
	}
	left := w.sum
	for second := w.last - span + 1; second <= w.last; second++ {
		if left -= w.counts[second%span]; left < limit {
			return time.Unix(second+span, 0).Sub(now)
		}
	}
	return time.Minute
}

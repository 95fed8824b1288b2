package service

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/openstack-faas/faas/cmd/internal/settle"
)

const (
	// busyHeap is how much a busy process allocates, at least, from one collection of garbage to the
	// next. A process of ours has a few megabytes in use, so that Go would collect again after as
	// many: ten times a second, which costs a tenth of all its processor time.
	busyHeap = 24 << 20
	// busyPause is the time between two collections that makes a process a busy one. One at rest
	// keeps to Go's own measure, and gives the memory back.
	busyPause = 2 * time.Second
)

// settled is when a process has started, most often.
const settled = 20 * time.Second

// collectLess has garbage collected less often while the process is busy. GOGC in the environment
// goes over it. GOMEMLIMIT holds as ever.
func collectLess() {
	settle.After(settled)
	if os.Getenv("GOGC") == "" {
		(&collections{rest: func() { go settle.Now() }}).watch()
	}
}

// collections is told of each collection by a finalizer, which sets the next.
type collections struct {
	last    time.Time
	percent int
	busy    bool
	resting bool   // rest was called, which collects once more
	rest    func() // called when a busy process is at rest; it must not wait
}

// sentinel is garbage at once.
type sentinel struct{ of *collections }

func (c *collections) watch() {
	runtime.SetFinalizer(&sentinel{c}, func(s *sentinel) {
		s.of.collected(time.Now(), liveHeap())
		s.of.watch()
	})
}

// collected sets by how much the heap may grow until the next collection.
func (c *collections) collected(now time.Time, live uint64) {
	percent, was := 100, c.busy
	if c.busy = now.Sub(c.last) < busyPause && !c.resting; c.busy {
		percent = max(percent, int(100*busyHeap/max(live, 1<<20)))
	}
	c.last, c.resting = now, was && !c.busy
	if c.resting {
		c.rest()
	}
	if percent < c.percent*9/10 || percent > c.percent*11/10 { // setting it stops all for a moment
		c.percent = percent
		debug.SetGCPercent(percent)
	}
}

// liveHeap returns how many bytes the last collection found in use.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

package service

import (
	"runtime/debug"
	"testing"
	"time"
)

func TestCollected(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	begun := time.Now()
	rests := 0
	c := &collections{rest: func() { rests++ }}
	for _, step := range []struct {
		after time.Duration
		live  uint64
		want  int
	}{
		{0, 6 << 20, 100},                        // the first: nobody knows how busy it is
		{100 * time.Millisecond, 6 << 20, 400},   // busy: 24 MiB more
		{500 * time.Millisecond, 6<<20 + 1, 400}, // as before
		{time.Second, 100 << 20, 100},            // enough is in use
		{2 * time.Second, 0, 2400},               // never without a bound
		{10 * time.Second, 6 << 20, 100},         // at rest
		{10*time.Second + 1, 6 << 20, 100},       // which collects once more, and is not to be busy
		{20 * time.Second, 6 << 20, 100},
	} {
		c.collected(begun.Add(step.after), step.live)
		if c.percent != step.want {
			t.Errorf("after %s with %d in use: %d %%, want %d", step.after, step.live, c.percent, step.want)
		}
	}
	if rests != 1 {
		t.Errorf("memory was given back %d times, want once, after it was busy", rests)
	}
}

func TestLiveHeap(t *testing.T) {
	debug.FreeOSMemory() // collects
	if live := liveHeap(); live == 0 || live > 1<<40 {
		t.Errorf("%d bytes in use", live)
	}
}

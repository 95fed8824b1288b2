package fleet

import (
	"slices"
	"time"
)

const (
	// startsKept is how many of the last starts of a runtime's workers are remembered.
	startsKept = 16
	// firstGuess is how long a worker takes to start before any was seen to.
	firstGuess = 2 * time.Second
)

// starts is how long the last workers of each runtime took from when they were first shown until
// they were ready. Its workerSet guards it.
type starts map[string][]time.Duration

func (s starts) add(runtimeID string, took time.Duration) {
	s[runtimeID] = append(s[runtimeID], took)
	s[runtimeID] = slices.Delete(s[runtimeID], 0, max(len(s[runtimeID])-startsKept, 0))
}

// usual returns what three of four starts took at most: one that waited long for an image or a node
// says nothing of the others.
func (s starts) usual(runtimeID string) time.Duration {
	last := slices.Sorted(slices.Values(s[runtimeID]))
	if len(last) == 0 {
		return firstGuess
	}
	return last[(len(last)*3-1)/4]
}

// StartTime returns how long generic workers of the runtime take to start, by the last that did.
func (f *Fleet) StartTime(runtimeID string) time.Duration {
	f.workers.mu.Lock()
	defer f.workers.mu.Unlock()
	return f.workers.starts.usual(runtimeID)
}

// ForgetStarts drops what is known of a runtime that is no more.
func (f *Fleet) ForgetStarts(runtimeID string) {
	f.workers.mu.Lock()
	defer f.workers.mu.Unlock()
	delete(f.workers.starts, runtimeID)
}

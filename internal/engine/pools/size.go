package pools

import (
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// refillTime is about how long replacing claimed workers takes: claims within such a span have
	// to be met from what is ready.
	refillTime = 10 * time.Second
	// claimsKept is how long the claims of a busy moment keep a pool large.
	claimsKept = 5 * time.Minute
	// shrinkAfter is how long a pool must have been too large before it is made smaller.
	shrinkAfter = time.Minute
	// expectedFor is how long after it was made a function is expected to be called. Most are called
	// within moments, by whoever made them, or by what was made with them.
	expectedFor = 2 * time.Minute
	// lackAfter is how long a pool must have had fewer workers than its size, ready or not, before it
	// is set again: somebody may have deleted or changed it.
	lackAfter = time.Minute
)

// sizes is what the sizes of the runtimes' pools are worked out from. Every engine watches all
// claims, so that whoever comes to own a runtime's shard knows what the last minutes needed.
type sizes struct {
	mu      sync.Mutex
	watched bool                   // claims were looked at before: what is new was claimed since
	seen    map[string]struct{}    // ids of workers that were claimed
	claims  map[string][]time.Time // by runtime, oldest first
	made    map[string][]time.Time // by runtime, oldest first: functions that have not claimed a worker yet
	of      map[string]int         // sizes of pools that this engine has set
	low     map[string]time.Time   // since when a pool has been larger than it should be
	lacking map[string]time.Time   // since when a pool has had fewer workers than its size
	waited  map[string]time.Time   // when somebody waited last for a worker beyond the pool's
	reduced map[string]time.Time   // when surplus workers were ended last
	setting map[string]bool        // pools that are being set now
	extends map[string]bool        // pools beside which workers are being started now
	due     map[int]bool           // shards whose pools have to be brought up
}

func newSizes() *sizes {
	return &sizes{
		seen: map[string]struct{}{}, claims: map[string][]time.Time{}, made: map[string][]time.Time{},
		of: map[string]int{}, low: map[string]time.Time{}, lacking: map[string]time.Time{},
		waited: map[string]time.Time{}, reduced: map[string]time.Time{},
		setting: map[string]bool{}, extends: map[string]bool{}, due: map[int]bool{},
	}
}

// takenOver says that the pools of a shard's runtimes are now this engine's to keep.
func (s *sizes) takenOver(shard int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due[shard] = true
}

func (s *sizes) set(runtimeID string, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[runtimeID] = size
	delete(s.low, runtimeID)
	delete(s.lacking, runtimeID)
}

func (s *sizes) forget(runtimeID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, runtimeID)
	delete(s.low, runtimeID)
	delete(s.lacking, runtimeID)
	delete(s.waited, runtimeID)
	delete(s.reduced, runtimeID)
}

// waits says of which runtimes more workers are wanted.
func (s *sizes) waits(wanted map[string]int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range wanted {
		if n > 0 {
			s.waited[id] = now
		}
	}
}

// size returns the size of a pool that this engine has set, 0 if it has set none.
func (s *sizes) size(runtimeID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[runtimeID]
}

// surplus reports whether a pool has more workers than its size although nobody has waited for one
// for a while, and marks it as being set.
func (s *sizes) surplus(runtimeID string, generic int, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	has, set := s.of[runtimeID]
	if !set || generic <= has || s.setting[runtimeID] ||
		now.Sub(s.waited[runtimeID]) < shrinkAfter || now.Sub(s.reduced[runtimeID]) < shrinkAfter {
		return false
	}
	s.reduced[runtimeID] = now
	s.setting[runtimeID] = true
	return true
}

// observe takes in which workers are claimed now.
func (s *sizes) observe(workers []faas.Worker, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	claimed := make(map[string]struct{}, len(workers))
	for _, w := range workers {
		if w.Generic() {
			continue
		}
		claimed[w.ID] = struct{}{}
		if _, known := s.seen[w.ID]; !known && s.watched {
			s.claims[w.RuntimeID] = append(s.claims[w.RuntimeID], now)
			if made := s.made[w.RuntimeID]; len(made) > 0 { // which function it is, is nobody's here to know
				s.made[w.RuntimeID] = made[1:]
			}
		}
	}
	s.seen, s.watched = claimed, true
	forgetOld(s.claims, now.Add(-claimsKept))
	forgetOld(s.made, now.Add(-expectedFor))
}

// forgetOld drops the times before the moment.
func forgetOld(times map[string][]time.Time, before time.Time) {
	for runtime, all := range times {
		old, _ := slices.BinarySearchFunc(all, before, time.Time.Compare)
		if times[runtime] = slices.Delete(all, 0, old); len(times[runtime]) == 0 {
			delete(times, runtime)
		}
	}
}

// expect takes in that n functions of a runtime were made, of which no more count than most.
func (s *sizes) expect(runtimeID string, n, most int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.made[runtimeID]
	for range min(n, most-len(made)) {
		made = append(made, now)
	}
	s.made[runtimeID] = made
}

// demand returns how many workers of a runtime are to be ready: as many as were claimed at most
// within the time in which a pool refills, or as there are functions that are about to be called.
func (s *sizes) demand(runtimeID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(mostWithin(s.claims[runtimeID], refillTime), len(s.made[runtimeID]))
}

// lacks reports whether a pool has had fewer generic workers than its size for so long that it is to
// be set again, and marks it as being set. Workers that come up count: replacing those that were
// claimed takes its time.
func (s *sizes) lacks(runtimeID string, generic int, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	has, set := s.of[runtimeID]
	if !set || generic >= has {
		delete(s.lacking, runtimeID)
		return false
	}
	since, known := s.lacking[runtimeID]
	if !known {
		s.lacking[runtimeID] = now
	}
	if !known || now.Sub(since) < lackAfter || s.setting[runtimeID] {
		return false
	}
	s.setting[runtimeID] = true
	return true
}

// begin reports whether a pool is to be set to the size now, and marks it as being set: a larger
// one at once, but not while requests wait, so that what they wait for starts sooner; a smaller one
// when the pool has been too large for a while.
func (s *sizes) begin(runtimeID string, size int, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	has, set := s.of[runtimeID]
	switch {
	case !set || s.setting[runtimeID]:
		return false
	case size == has:
		delete(s.low, runtimeID)
		return false
	case size > has && now.Sub(s.waited[runtimeID]) < refillTime/2:
		return false
	case size < has:
		since, low := s.low[runtimeID]
		if !low {
			s.low[runtimeID] = now
		}
		if !low || now.Sub(since) < shrinkAfter {
			return false
		}
	}
	s.setting[runtimeID] = true
	return true
}

// try reports whether a pool may be set now, and marks it as being set.
func (s *sizes) try(runtimeID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.setting[runtimeID] {
		return false
	}
	s.setting[runtimeID] = true
	return true
}

func (s *sizes) end(runtimeID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.setting, runtimeID)
}

// beginExtending reports whether workers may be started beside a pool now, and marks it.
func (s *sizes) beginExtending(runtimeID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extends[runtimeID] {
		return false
	}
	s.extends[runtimeID] = true
	return true
}

func (s *sizes) endExtending(runtimeID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.extends, runtimeID)
}

// runtimes returns those whose pools this engine has set.
func (s *sizes) runtimes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.of))
	for id := range s.of {
		ids = append(ids, id)
	}
	return ids
}

// takeDue returns the shards whose pools have to be brought up.
func (s *sizes) takeDue() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var shards []int
	for shard := range s.due {
		shards = append(shards, shard)
	}
	clear(s.due)
	return shards
}

// stillDue says that the pools of shards could not be brought up: the next look tries again.
func (s *sizes) stillDue(shards []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, shard := range shards {
		s.due[shard] = true
	}
}

// assume says that a pool has a size, if this engine has set none: another engine made it.
func (s *sizes) assume(runtimeID string, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, set := s.of[runtimeID]; !set {
		s.of[runtimeID] = size
	}
}

// mostWithin returns the most of the times, which are in ascending order, within any span of the
// length.
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

// poolSize returns how many generic workers a runtime's pool should hold: as many as are demanded,
// but no fewer than least, no more than most, and beyond least no more than there is room for
// workers.
func poolSize(demand, least, most, room int) int {
	return max(least, min(demand, most, room))
}

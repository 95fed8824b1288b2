package busfeed

import (
	"math/rand/v2"
	"testing"
)

// TestWindow settles messages in any order: none is acknowledged before all that are before it are
// done with, and all are in the end.
func TestWindow(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w := &window{}
	done := map[uint64]bool{}
	var outstanding []uint64
	var acked, next uint64
	for next < 10_000 || len(outstanding) > 0 {
		if next < 10_000 && next-acked < prefetch && random.IntN(3) > 0 {
			next++
			outstanding = append(outstanding, next)
			continue
		}
		if len(outstanding) > 0 {
			i := random.IntN(len(outstanding))
			tag := outstanding[i]
			outstanding = append(outstanding[:i], outstanding[i+1:]...)
			done[tag] = true
			w.settle(tag)
		}
		if random.IntN(5) == 0 || len(outstanding) == 0 {
			if tag := w.take(); tag > 0 {
				for n := acked + 1; n <= tag; n++ {
					if !done[n] {
						t.Fatalf("%d is acknowledged and not done with", n)
					}
				}
				acked = tag
			}
		}
	}
	if acked != 10_000 {
		t.Errorf("acknowledged are %d", acked)
	}
}

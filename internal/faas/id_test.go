package faas

import "testing"

// TestIDsRise makes many within each millisecond: they rise in the order in which they were made.
func TestIDsRise(t *testing.T) {
	last := NewID()
	for range 10_000 {
		id := NewID()
		if !IsID(id) || id <= last {
			t.Fatalf("%s came after %s", id, last)
		}
		last = id
	}
}

package faas_test

import (
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestIDsRise makes many within each millisecond: they rise in the order in which they were made.
func TestIDsRise(t *testing.T) {
	last := faas.NewID()
	for range 10_000 {
		id := faas.NewID()
		if !faas.IsID(id) || id <= last {
			t.Fatalf("%s came after %s", id, last)
		}
		last = id
	}
}

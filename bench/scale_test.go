package main

import (
	"strings"
	"testing"
)

// TestScale measures a few thousand records, and holds what the database reads for each operation
// against what it shows: the time that it takes depends on the machine, and this does not.
func TestScale(t *testing.T) {
	r := &report{floors: map[string]float64{}}
	if err := scale(t.Context(), r, t.TempDir(), 0.0005, ""); err != nil {
		t.Fatal(err)
	}
	const atMost = 250 // a page of 100, and the ends of each index in sixteen partitions
	found := 0
	for _, f := range r.Figures {
		if !strings.HasSuffix(f.What, "rows and keys read") || strings.Contains(f.What, "filter, status") {
			continue // rows are compared one by one there, as many as a window has
		}
		if found++; f.Value > atMost {
			t.Errorf("%s: %.0f, want %d at most", f.What, f.Value, atMost)
		}
	}
	if want := 3 * (len(recordOperations()) - 1); found != want {
		t.Errorf("%d operations were measured, want %d", found, want)
	}
	if r.last("calls meanwhile, the slowest") == 0 {
		t.Error("nothing was dropped while it was called")
	}
}

package placement

import (
	"strings"
	"testing"
)

func TestGivers(t *testing.T) {
	held := map[string]int{"most": 6, "more": 4, "some": 2, "few": 1}
	for _, c := range []struct {
		project string
		share   int
		want    string
	}{
		{"few", 3, "most more some few"}, // its own idle ones last
		{"new", 3, "most more some few"},
		{"some", 3, "most more some"},
		{"more", 3, "more"}, // it has its share: only what is its own
	} {
		if got := strings.Join(giversFor(c.project, held, c.share), " "); got != c.want {
			t.Errorf("for %s give %q, want %q", c.project, got, c.want)
		}
	}
}

func TestFairShare(t *testing.T) {
	for _, c := range []struct{ all, projects, want int }{{100, 1, 100}, {100, 3, 33}, {2, 5, 1}, {10, 0, 10}} {
		if got := fairShare(c.all, c.projects); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

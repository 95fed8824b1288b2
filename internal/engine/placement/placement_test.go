package placement

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
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

// TestEnginesTryOtherWorkersFirst has two engines rank the same workers.
func TestEnginesTryOtherWorkersFirst(t *testing.T) {
	ranked := func(engine string) string {
		workers := make([]faas.Worker, 20)
		for i := range workers {
			workers[i].ID = fmt.Sprint(i)
		}
		sortByRank(workers, engine)
		var ids []string
		for _, w := range workers {
			ids = append(ids, w.ID)
		}
		return strings.Join(ids, " ")
	}
	a, again, b := ranked("a"), ranked("a"), ranked("b")
	if a != again || a == b {
		t.Errorf("the orders are %s, %s and %s", a, again, b)
	}
}

func TestFairShare(t *testing.T) {
	for _, c := range []struct{ all, projects, want int }{{100, 1, 100}, {100, 3, 33}, {2, 5, 1}, {10, 0, 10}} {
		if got := fairShare(c.all, c.projects); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// Package fair has projects take turns at what there is too little of. Limiter hands out slots,
// Queue keeps requests that their owner can serve; both serve the project whose last turn is
// longest ago.
package fair

import (
	"cmp"
	"maps"
)

// turnsKept bounds of how many projects the last turn is remembered, and how many turns ago that
// may be.
const turnsKept = 10_000

// turns remembers when each project had its last turn. A project that waits no more is remembered
// too, for it may come again at once: else it would always be served first.
type turns struct {
	last map[string]uint64 // the number of each project's last turn
	now  uint64            // the number of the last turn of all
}

func newTurns() turns { return turns{last: map[string]uint64{}} }

// take records that a project has its turn now.
func (t *turns) take(project string) {
	t.now++
	t.last[project] = t.now
	if len(t.last) > turnsKept {
		maps.DeleteFunc(t.last, func(_ string, last uint64) bool { return last+turnsKept/2 < t.now })
	}
}

// compare orders projects: the one whose last turn is longer ago first. It is 0 for projects that
// have had none.
func (t *turns) compare(a, b string) int { return cmp.Compare(t.last[a], t.last[b]) }

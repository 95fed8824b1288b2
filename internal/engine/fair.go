package engine

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// line is where acquisitions wait for a worker, fair between projects: they are served in turn, and within a project the one whose calls have
// waited longest comes first. Its owner's lock guards it.
type line struct {
	perProject int                  // places that one project may take
	waiting    map[string][]*ticket // by project, the longest wait first
	turns      map[string]uint64    // the turn that each project had last; it is remembered when the project waits no more, for it may come again
	turn       uint64
}

// ticket is one acquisition's place in the line.
type ticket struct {
	project string
	since   time.Time // since when a call has waited for what the ticket asks for
	memory  int64     // bytes, that the project's workers may have together; faas.Unlimited for any
	ask     ask
	got     chan grant // has room for the one answer
}

func newLine(perProject int) *line {
	return &line{perProject: perProject, waiting: map[string][]*ticket{}, turns: map[string]uint64{}}
}

// join adds a ticket; false says that the project's places are taken.
func (l *line) join(t *ticket) bool {
	places := l.waiting[t.project]
	if len(places) >= l.perProject {
		return false
	}
	at, _ := slices.BinarySearchFunc(places, t, func(a, b *ticket) int {
		return cmp.Or(a.since.Compare(b.since), -1) // after its equals
	})
	l.waiting[t.project] = slices.Insert(places, at, t)
	return true
}

// leave takes a ticket out; false says that it was not there.
func (l *line) leave(t *ticket) bool {
	places := l.waiting[t.project]
	at := slices.Index(places, t)
	if at < 0 {
		return false
	}
	l.waiting[t.project] = slices.Delete(places, at, at+1)
	if len(places) == 1 {
		delete(l.waiting, t.project)
	}
	return true
}

// turnsKept bounds how many turns ago a project may have had its last for that to be remembered.
const turnsKept = 10_000

// served takes a ticket out and ends its project's turn.
func (l *line) served(t *ticket) {
	l.turn++
	l.turns[t.project] = l.turn
	l.leave(t)
	if len(l.turns) > turnsKept {
		maps.DeleteFunc(l.turns, func(_ string, last uint64) bool { return last+turnsKept/2 < l.turn })
	}
}

// next gives the ticket whose turn it is among those that can be served, nil when there is none. A project that has its share has no turn
// while another that has less waits, for whatever reason.
func (l *line) next(can func(*ticket) bool, held func(project string) int, share int) *ticket {
	order := l.order()
	modest := slices.ContainsFunc(order, func(project string) bool { return held(project) < share })
	for _, project := range order {
		if modest && held(project) >= share {
			continue
		}
		for _, t := range l.waiting[project] {
			if can(t) {
				return t
			}
		}
	}
	return nil
}

// order gives the projects that wait, the one whose last turn is longest ago first.
func (l *line) order() []string {
	return slices.SortedFunc(maps.Keys(l.waiting), func(a, b string) int {
		return cmp.Or(cmp.Compare(l.turns[a], l.turns[b]), l.waiting[a][0].since.Compare(l.waiting[b][0].since), cmp.Compare(a, b))
	})
}

// all gives every ticket.
func (l *line) all() []*ticket { return slices.Concat(slices.Collect(maps.Values(l.waiting))...) }

func (l *line) empty() bool { return len(l.waiting) == 0 }

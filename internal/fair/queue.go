package fair

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Request is one that waits in a Queue.
type Request interface {
	comparable
	ProjectID() string
	WaitingSince() time.Time
}

// Queue holds requests until its owner can serve them, in turns between projects; within a project
// the request that has waited longest comes first. Unlike a Limiter it holds nothing to hand out:
// its owner knows who can be served and with what. The owner's lock guards it.
type Queue[R Request] struct {
	perProject int
	waiting    map[string][]R // by project, the longest wait first
	turns      turns
}

// NewQueue returns an empty queue in which one project may have perProject requests at a time.
func NewQueue[R Request](perProject int) *Queue[R] {
	return &Queue[R]{perProject: perProject, waiting: map[string][]R{}, turns: newTurns()}
}

// Join adds a request and reports whether its project might have one more.
func (q *Queue[R]) Join(r R) bool {
	requests := q.waiting[r.ProjectID()]
	if len(requests) >= q.perProject {
		return false
	}
	at, _ := slices.BinarySearchFunc(requests, r, func(a, b R) int {
		return cmp.Or(a.WaitingSince().Compare(b.WaitingSince()), -1) // after those that have waited as long
	})
	q.waiting[r.ProjectID()] = slices.Insert(requests, at, r)
	return true
}

// Leave takes a request out and reports whether it was there.
func (q *Queue[R]) Leave(r R) bool {
	requests := q.waiting[r.ProjectID()]
	at := slices.Index(requests, r)
	if at < 0 {
		return false
	}
	q.waiting[r.ProjectID()] = slices.Delete(requests, at, at+1)
	if len(requests) == 1 {
		delete(q.waiting, r.ProjectID())
	}
	return true
}

// Served takes a request out and ends its project's turn.
func (q *Queue[R]) Served(r R) {
	q.turns.take(r.ProjectID())
	q.Leave(r)
}

// Next returns the request whose turn it is among those that can be served; ok is false when there
// is none. A project that holds its share has no turn while another that holds less waits, for
// whatever reason.
func (q *Queue[R]) Next(can func(R) bool, held func(project string) int, share int) (next R, ok bool) {
	order := q.order()
	modest := slices.ContainsFunc(order, func(project string) bool { return held(project) < share })
	for _, project := range order {
		if modest && held(project) >= share {
			continue
		}
		for _, r := range q.waiting[project] {
			if can(r) {
				return r, true
			}
		}
	}
	return next, false
}

// order returns the projects that wait, the one whose last turn is longest ago first.
func (q *Queue[R]) order() []string {
	return slices.SortedFunc(maps.Keys(q.waiting), func(a, b string) int {
		longest := q.waiting[a][0].WaitingSince().Compare(q.waiting[b][0].WaitingSince())
		return cmp.Or(q.turns.compare(a, b), longest, cmp.Compare(a, b))
	})
}

// All returns every request, those of a project in their order.
func (q *Queue[R]) All() []R { return slices.Concat(slices.Collect(maps.Values(q.waiting))...) }

// Waiting returns the requests by project. The caller must not change the map.
func (q *Queue[R]) Waiting() map[string][]R { return q.waiting }

// Empty reports whether nobody waits.
func (q *Queue[R]) Empty() bool { return len(q.waiting) == 0 }

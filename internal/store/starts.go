package store

import (
	"time"
)

// starts are the beginnings of executions that are held back a moment: most calls end within it, and then one row is written
// once instead of twice.
type starts struct {
	delay time.Duration
	byID  map[string]*operation
	order []heldStart // oldest first; those that are not in byID any more were joined with their ending
}

type heldStart struct {
	id    string
	since time.Time
}

func newStarts(delay time.Duration) starts {
	return starts{delay: delay, byID: map[string]*operation{}}
}

// noStart is how long the recorder sleeps when nothing is held back.
const noStart = time.Hour

// due is how long the oldest may still be held back.
func (s *starts) due(now time.Time) time.Duration {
	s.skipJoined()
	if len(s.order) == 0 {
		return noStart
	}
	return max(0, s.order[0].since.Add(s.delay).Sub(now))
}

func (s *starts) skipJoined() {
	for len(s.order) > 0 && s.byID[s.order[0].id] == nil {
		s.order = s.order[1:]
	}
}

// take turns what was handed in into what is to be written now: starts wait, an ending takes its waiting start with it, and what is due,
// or must be seen by another operation, or is the last, is written.
func (s *starts) take(batch []*operation, now time.Time, last bool) []*operation {
	work := make([]*operation, 0, len(batch))
	for _, op := range batch {
		switch {
		case op.write != nil && op.write.start != nil:
			s.hold(op, now)
		case op.write != nil:
			work = append(work, s.join(op))
		case op.starts:
			work = append(s.release(work, now, true), op)
		default:
			work = append(work, op)
		}
	}
	return s.release(work, now, last)
}

func (s *starts) hold(op *operation, since time.Time) {
	s.byID[op.write.start.ID] = op
	s.order = append(s.order, heldStart{op.write.start.ID, since})
}

// againAfter is the pause before the database is tried again for the sake of starts alone.
const againAfter = time.Second

// again holds a start that the database could not take, so that the call's ending finds it; false when there are too many.
func (s *starts) again(op *operation, now time.Time) bool {
	if len(s.byID) >= maxWaiting {
		return false
	}
	s.hold(op, now.Add(againAfter))
	return true
}

// join makes the held start of an ending part of it: the row as it ended.
func (s *starts) join(op *operation) *operation {
	start := s.byID[op.write.id]
	if start == nil {
		return op
	}
	delete(s.byID, op.write.id)
	whole := op.write.ending.applied(*start.write.start)
	op.write = &write{start: &whole}
	return op
}

// release adds the starts that are due, or all of them.
func (s *starts) release(work []*operation, now time.Time, all bool) []*operation {
	for len(s.order) > 0 {
		first := s.order[0]
		op := s.byID[first.id]
		if op != nil && !all && now.Sub(first.since) < s.delay {
			break
		}
		s.order = s.order[1:]
		if op != nil {
			delete(s.byID, first.id)
			work = append(work, op)
		}
	}
	return work
}

package store

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// sequence keeps the operations of each execution in the order in which they came, though several
// writers run at once: of one execution, a single operation is with the writers at any time, and
// the next one follows when that is answered.
//
// It also holds starts back for a moment. Most calls end within it, and then one row is written
// once instead of twice: the ending takes the place of its start.
type sequence struct {
	delay   time.Duration    // how long a start is held back; not at all when negative
	ready   func(*operation) // lets the writers have an operation; does not block
	dropped func()           // is called for an operation that was accepted and became part of another

	mu      sync.Mutex
	last    map[string]*operation // by execution: the last operation that is not answered yet
	held    map[*operation]bool   // starts that are held back
	open    int                   // operations that are accepted and not answered
	refuses bool
	idle    chan struct{} // closed when callers are refused and nothing is open
}

func newSequence(delay time.Duration, ready func(*operation), dropped func()) *sequence {
	return &sequence{
		delay: delay, ready: ready, dropped: dropped,
		last: map[string]*operation{}, held: map[*operation]bool{}, idle: make(chan struct{}),
	}
}

// againAfter is the pause before the database is tried again for the sake of a start alone.
const againAfter = time.Second

// accept takes an operation in. It reports false when operations are refused.
func (s *sequence) accept(op *operation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuses && !op.final {
		return false
	}
	s.open++
	if op.execution == "" {
		s.ready(op)
		return true
	}
	before := s.last[op.execution]
	s.last[op.execution] = op
	switch {
	case before == nil && op.starts && s.delay > 0:
		s.hold(op, s.delay)
	case before == nil:
		s.ready(op)
	case before.held != nil && op.ending != nil && before.next == nil:
		s.unhold(before)
		s.join(before, op)
		s.ready(op)
	default: // what comes after a start that is held back wants to see it
		before.next = op
		s.release(before)
	}
	return true
}

// starting returns the ids of the executions whose start was handed in and is not written yet.
func (s *sequence) starting() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id, op := range s.last {
		if op.starts {
			ids = append(ids, id)
		}
	}
	return ids
}

// hold keeps a start from the writers for a while.
func (s *sequence) hold(op *operation, d time.Duration) {
	s.held[op] = true
	op.held = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.release(op)
	})
}

// release lets the writers have a start that is held back; nothing when it is not.
func (s *sequence) release(op *operation) {
	if op.held != nil {
		s.unhold(op)
		s.ready(op)
	}
}

func (s *sequence) unhold(op *operation) {
	op.held.Stop()
	op.held = nil
	delete(s.held, op)
}

// join makes the start part of its ending, which becomes the row as it ended. The start is no
// operation any more.
func (s *sequence) join(start, ending *operation) {
	whole := ending.ending.applied(*start.row)
	ending.contents = nil
	ending.row, ending.change, ending.events = &whole, change{}, slices.Concat(start.events, ending.events)
	s.open--
	s.dropped()
}

// begin is called with a batch before it is written. A start whose ending has come since gives way
// to it, unless the two are too large for the batch.
func (s *sequence) begin(batch []*operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, op := range batch {
		if end := op.next; op.starts && end != nil && end.ending != nil && end.size() < largeOperation {
			s.join(op, end)
			batch[n] = end
		}
	}
}

// answer ends the operations of a batch: their callers hear of it, and what waited for them
// follows. A start that failed, which no caller hears of, is held for another try, and for its
// ending. What is not tried again is returned.
func (s *sequence) answer(batch []*operation) (lost []*operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, op := range batch {
		if op.err != nil && op.answer == nil {
			if s.again(op) {
				continue
			}
			lost = append(lost, op)
		}
		s.follow(op)
		if op.answer != nil {
			close(op.answer)
		}
		s.open--
		s.dropped()
	}
	s.settleIdle()
	return lost
}

// again has a start that failed tried once more: together with its ending if that has come,
// otherwise after a pause. What else waits for it goes on waiting.
func (s *sequence) again(start *operation) bool {
	if end := start.next; end != nil && end.ending != nil {
		s.join(start, end)
		s.ready(end)
		return true
	}
	if s.refuses {
		return false
	}
	s.hold(start, againAfter)
	return true
}

// follow has the next operation of the same execution begin.
func (s *sequence) follow(op *operation) {
	switch {
	case op.execution == "":
	case op.next != nil:
		s.ready(op.next)
	default:
		delete(s.last, op.execution)
	}
}

// refuse ends the acceptance of operations, and of holding starts back. The channel is closed when
// those that were accepted are answered. It reports false when it had been called before.
func (s *sequence) refuse() (idle <-chan struct{}, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuses {
		return s.idle, false
	}
	s.refuses = true
	for op := range maps.Clone(s.held) {
		s.release(op)
	}
	s.settleIdle()
	return s.idle, true
}

func (s *sequence) settleIdle() {
	if !s.refuses || s.open > 0 {
		return
	}
	select {
	case <-s.idle: // what came after refuse is answered, too
	default:
		close(s.idle)
	}
}

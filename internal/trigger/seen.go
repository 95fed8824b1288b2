package trigger

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// seen adds up what triggers have seen and writes it once a second: a write with each event would
// have all events of a trigger wait for one row. What a process that is killed has not written is
// missing from the numbers.
type seen struct {
	store *store.TriggerStore
	log   *slog.Logger

	mu      sync.Mutex
	pending map[string]faas.TriggerSeen
	timer   *time.Timer // nil while nothing is pending
	closed  bool
	writing sync.WaitGroup
}

const (
	seenInterval = time.Second
	seenTimeout  = 10 * time.Second
	// maxSeen bounds the triggers whose numbers wait to be written, some hundred bytes each. Those of
	// more are lost, which can be only while the database is away.
	maxSeen = 10_000
)

func newSeen(s *store.TriggerStore, log *slog.Logger) *seen {
	return &seen{store: s, log: log, pending: map[string]faas.TriggerSeen{}}
}

// add adds to what a trigger has seen.
func (s *seen) add(id string, n faas.TriggerSeen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum, known := s.pending[id]
	if !known && len(s.pending) >= maxSeen || s.closed {
		return
	}
	s.pending[id] = sum.Plus(n)
	s.schedule()
}

// schedule has what is pending be written. The lock is held.
func (s *seen) schedule() {
	if s.timer != nil || s.closed {
		return
	}
	s.writing.Add(1)
	s.timer = time.AfterFunc(seenInterval, func() {
		defer s.writing.Done()
		s.write()
	})
}

// write writes what is pending. What could not be written is pending again.
func (s *seen) write() {
	s.mu.Lock()
	taken := s.pending
	s.pending, s.timer = map[string]faas.TriggerSeen{}, nil
	s.mu.Unlock()
	if len(taken) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), seenTimeout)
	defer cancel()
	err := s.store.AddSeen(ctx, taken)
	if err == nil {
		return
	}
	s.log.Debug("what triggers have seen could not be written; it is tried again", "error", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range taken {
		s.pending[id] = n.Plus(s.pending[id])
	}
	s.schedule()
}

// close writes what is pending and ends.
func (s *seen) close() {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil && s.timer.Stop() {
		s.writing.Done()
	}
	s.mu.Unlock()
	s.writing.Wait()
	s.write()
}

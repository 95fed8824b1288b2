package store

import (
	"context"
	"sync"
	"time"
)

// shared lets callers who want the same row at the same time share one read of it. A read serves
// only those who asked before it began, so nobody is given anything older than a read of their own
// would have given: while one is under way, those who come wait for the next.
type shared[K comparable, T any] struct {
	read func(ctx context.Context, id K) (T, error)

	mu      sync.Mutex
	flights map[K]*flight[T] // ids that are being read now
	flying  sync.WaitGroup   // reads that no caller makes itself
}

// flight is a read under way, and the next one, if anybody waits for it.
type flight[T any] struct{ next *round[T] }

// round is one read for all who wait for it.
type round[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// sharedReadTimeout bounds a read that several wait for: each of them leaves by its own context
// before, as a rule.
const sharedReadTimeout = 15 * time.Second

func newShared[K comparable, T any](read func(ctx context.Context, id K) (T, error)) *shared[K, T] {
	return &shared[K, T]{read: read, flights: map[K]*flight[T]{}}
}

// get reads the row. Whoever comes while nobody reads it makes the read itself, within its own
// context.
func (s *shared[K, T]) get(ctx context.Context, id K) (T, error) {
	s.mu.Lock()
	f := s.flights[id]
	if f == nil {
		s.flights[id] = &flight[T]{}
		s.mu.Unlock()
		value, err := s.read(ctx, id)
		if next := s.landed(id); next != nil {
			s.flying.Go(func() { s.fly(id, next) })
		}
		return value, err
	}
	if f.next == nil {
		f.next = &round[T]{done: make(chan struct{})}
	}
	r := f.next
	s.mu.Unlock()
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// fly makes the reads that are waited for until nobody waits.
func (s *shared[K, T]) fly(id K, r *round[T]) {
	for ; r != nil; r = s.landed(id) {
		ctx, cancel := context.WithTimeout(context.Background(), sharedReadTimeout)
		r.value, r.err = s.read(ctx, id)
		cancel()
		close(r.done)
	}
}

// landed ends a read and returns the next one, nil when nobody waits for any.
func (s *shared[K, T]) landed(id K) *round[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flights[id]
	next := f.next
	if next == nil {
		delete(s.flights, id)
		return nil
	}
	f.next = nil
	return next
}

// wait waits for the reads that no caller makes itself. Nobody may call get any more.
func (s *shared[K, T]) wait() { s.flying.Wait() }

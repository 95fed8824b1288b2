package engine

import (
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// spoiledFor is how long what an object holds is known to be no code. A project's quota may be another by then.
	spoiledFor = time.Minute
	// maxSpoiled bounds of how many it is known.
	maxSpoiled = 1000
)

// spoiled remembers objects whose content cannot be their functions' code, so that it is not read and checked at every call.
type spoiled struct {
	mu    sync.Mutex
	known map[content]refusal
}

// content is what a function's object holds.
type content struct{ functionID, etag string }

type refusal struct {
	err  error
	ends time.Time
}

func (s *spoiled) init() { s.known = map[content]refusal{} }

// of gives why the content was refused, nil when that is not known.
func (s *spoiled) of(functionID, etag string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.known[content{functionID, etag}]; now.Before(one.ends) {
		return one.err
	}
	return nil
}

// remember keeps errors that are of the content itself, which has an ETag then.
func (s *spoiled) remember(functionID, etag string, err error, now time.Time) {
	switch faas.KindOf(err) {
	case faas.Invalid, faas.OverQuota, faas.TooLarge:
	default:
		return
	}
	if etag == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxSpoiled {
		s.shrink(now)
	}
	s.known[content{functionID, etag}] = refusal{err, now.Add(spoiledFor)}
}

// shrink makes room for one more: of what is over, or else of any.
func (s *spoiled) shrink(now time.Time) {
	for c, one := range s.known {
		if !now.Before(one.ends) {
			delete(s.known, c)
		}
	}
	for c := range s.known {
		if len(s.known) < maxSpoiled {
			return
		}
		delete(s.known, c)
	}
}

package session

import (
	"container/list"
	"time"
)

const (
	// renewPause is the time between two looks for tokens that are about to end.
	renewPause = 5 * time.Second
	// renewAhead is how long before calls would have to wait for a new token one is got.
	renewAhead = 2 * time.Minute
	// renewParallel bounds the requests that are made for tokens that nobody waits for.
	renewParallel = 8
)

// renewAlways renews the tokens that are in use shortly before they end, and drops those that are not, until Close.
func (s *Sessions) renewAlways() {
	tick := time.NewTicker(renewPause)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			s.renew()
		}
	}
}

// renew has one look. It returns when the requests that it made are on their way, all but the last few answered.
func (s *Sessions) renew() {
	for _, e := range s.due() {
		select {
		case <-s.ctx.Done():
			return
		case s.renewal <- struct{}{}:
		}
		s.mu.Lock()
		flight := s.fetch(e)
		s.mu.Unlock()
		s.flying.Go(func() {
			<-flight
			<-s.renewal
		})
	}
}

// due gives what is to be renewed, and drops what is of no use any more.
func (s *Sessions) due() (due []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	var next *list.Element
	for at := s.order.Front(); at != nil; at = next {
		next = at.Next()
		e := at.Value.(*entry)
		switch {
		case e.flight != nil || now.Before(e.retry):
		case !e.valid(now):
			s.drop(at)
		case e.used.After(e.got) && e.ending(now):
			due = append(due, e)
		}
	}
	return due
}

// ending tells whether calls will soon want another token than this.
func (e *entry) ending(now time.Time) bool {
	whole := e.session.ExpiresAt.Sub(e.got)
	return e.session.ExpiresAt.Sub(now) < min(e.life+renewAhead, whole*3/4)
}

package session

import (
	"context"
	"time"
)

const (
	// renewPause is the time between two looks for tokens that are about to end, or were revoked.
	renewPause = 5 * time.Second
	// renewAhead is how long before calls would have to wait for a new token one is got.
	renewAhead = 2 * time.Minute
	// renewParallel bounds the requests that are made for tokens that nobody waits for.
	renewParallel = 8
)

// renewAlways renews the tokens that are in use shortly before they end, and drops those that are
// not, until Close.
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

// renew has one look. It returns when the requests that it made are on their way, all but the last
// few answered.
func (s *Sessions) renew() {
	ending, unchecked := s.due()
	for _, e := range ending {
		s.aside(func() {
			s.mu.Lock()
			flight := s.fetch(e)
			s.mu.Unlock()
			<-flight
		})
	}
	for _, e := range unchecked {
		s.aside(func() { s.check(e) })
	}
}

// aside does something that nobody waits for when there is a place for it.
func (s *Sessions) aside(do func()) {
	select {
	case <-s.ctx.Done():
	case s.renewal <- struct{}{}:
		s.loop.Go(func() {
			defer func() { <-s.renewal }()
			do()
		})
	}
}

// due returns which tokens are to be renewed and which to be looked at, and drops what is of no use
// any more.
func (s *Sessions) due() (ending, unchecked []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	for trust, e := range s.byTrust.All() {
		switch {
		case e.flight != nil || now.Before(e.retry):
		case !e.valid(now):
			s.byTrust.Delete(trust)
		case e.used.After(e.got) && e.ending(now):
			ending = append(ending, e)
		case e.used.After(e.checked) && now.Sub(e.checked) >= s.cfg.Check:
			unchecked = append(unchecked, e)
		}
	}
	return ending, unchecked
}

// check drops a token that was revoked, as those of a trust that is no more are, and of a user or a
// project that is disabled. The next one is got at once, or it is found that there is none.
func (s *Sessions) check(e *entry) {
	s.mu.Lock()
	token := e.token
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, requestPatience)
	defer cancel()
	valid, err := s.cfg.Source.Valid(ctx, token)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.token != token {
		return
	}
	e.checked = s.cfg.Now()
	if err == nil && !valid {
		e.session = Session{}
		s.fetch(e)
	}
}

// ending reports whether calls will soon want another token than this.
func (e *entry) ending(now time.Time) bool {
	whole := e.session.ExpiresAt.Sub(e.got)
	return e.session.ExpiresAt.Sub(now) < min(e.life+renewAhead, whole*3/4)
}

package session

import (
	"context"
	"time"
)

const (
	// renewPause is the time between two checks for tokens that are about to expire, or were revoked.
	renewPause = 5 * time.Second
	// renewAhead is how long a new token is requested before calls would have to wait for it.
	renewAhead = 2 * time.Minute
	// renewParallel bounds the concurrent requests that no call waits for.
	renewParallel = 8
)

// renewAlways renews the tokens that are in use shortly before they expire, and drops those that
// are not, until Close.
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

// renew does one round. It returns when all its requests have been sent; the last renewParallel of
// them may still be under way.
func (s *Sessions) renew() {
	ending, unchecked := s.due()
	for _, e := range ending {
		s.aside(func() {
			<-s.renewed(e)
		})
	}
	for _, e := range unchecked {
		s.aside(func() { s.check(e) })
	}
}

// renewed requests another token, unless a call has done so since it was found to be due.
func (s *Sessions) renewed(e *entry) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.flight == nil && e.valid(s.cfg.Now()) && !e.ending(s.cfg.Now()) {
		done := make(chan struct{})
		close(done)
		return done
	}
	return s.fetch(e)
}

// aside waits for a place among renewParallel, then runs do on a goroutine.
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

// due returns which tokens are to be renewed and which to be checked, and drops those that have
// expired.
func (s *Sessions) due() (ending, unchecked []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	for trust, e := range s.byTrust.All() {
		switch {
		case e.flight != nil || now.Before(e.retry):
		case !e.valid(now):
			s.byTrust.Delete(trust)
		case e.used.After(e.since) && e.ending(now):
			ending = append(ending, e)
		case e.used.After(e.checked) && now.Sub(e.checked) >= s.cfg.Check:
			unchecked = append(unchecked, e)
		}
	}
	return ending, unchecked
}

// check asks Keystone whether a token is still valid, and drops one that was revoked, as when its
// trust was deleted or its user or project disabled. Then it requests the next at once.
func (s *Sessions) check(e *entry) {
	s.mu.Lock()
	token := e.token
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Wait)
	defer cancel()
	valid, asOf, err := s.cfg.Source.Valid(ctx, token)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.token != token {
		return
	}
	// The next check is due when what is known is too old, however lately it was learned; but not at
	// once where nothing new was learned.
	now := s.cfg.Now()
	e.checked = later(asOf, now.Add(-s.cfg.Check*9/10))
	if err == nil && !valid {
		e.session = Session{}
		s.fetch(e)
	}
}

// ending reports whether calls will soon need another token.
func (e *entry) ending(now time.Time) bool {
	return ending(now, e.got, e.session.ExpiresAt, e.life)
}

// ending reports whether a token that was got then is to be renewed, for calls that want it for
// life.
func ending(now, got, expires time.Time, life time.Duration) bool {
	return expires.Sub(now) < min(life+renewAhead, expires.Sub(got)*3/4)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

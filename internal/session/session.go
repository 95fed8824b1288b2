// Package session holds the credentials that functions use in OpenStack: short-lived tokens from
// the Keystone trusts that the functions' creators made for the service. API and engine take a
// token from here for each call. For a warm call that is one map lookup.
package session

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/lru"
)

// Source gets tokens from Keystone.
type Source interface {
	// TrustToken gets a new token of the trust. An error is a *faas.Error: of kind Forbidden when
	// no token can be had, because the trust, its user, or its project is gone or disabled, and of
	// kind Unavailable when Keystone cannot be asked.
	TrustToken(ctx context.Context, trustID string) (Token, error)
	// Valid reports whether a token that it gave still is, as far as Keystone can be asked.
	Valid(ctx context.Context, token faas.Secret) (bool, error)
}

// Token is a token and what goes with it.
type Token struct {
	Value     faas.Secret
	ExpiresAt time.Time
	UserID    string // of whom it acts for
	ProjectID string
	AuthURL   string            // Keystone, as functions reach it
	Region    string            // of the endpoints; "" when there is only one
	Endpoints map[string]string // public URLs by type of service
}

// Config is what Sessions need. Source is required.
type Config struct {
	Source Source
	Check  time.Duration    // how often tokens in use are looked at whether they were revoked; 5 minutes when 0
	Size   int              // tokens that are held at most; 10000 when 0
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: slog.Default()
}

// Session is what one call is given.
type Session struct {
	Context   json.RawMessage // of the call; shared: not to be changed. It holds the token
	Token     faas.Secret     // the token alone
	UserID    string          // whom it acts for: who made the trust
	ExpiresAt time.Time
}

// Sessions hold a token for each trust that is in use. They are safe for concurrent use.
type Sessions struct {
	cfg     Config
	ctx     context.Context // of the requests to Keystone, which outlive the calls that caused them
	cancel  context.CancelFunc
	loop    sync.WaitGroup
	flying  sync.WaitGroup
	renewal chan struct{} // a place for each request that nobody waits for

	mu      sync.Mutex
	byTrust *lru.Cache[string, *entry]
}

// entry is what is known of a trust.
type entry struct {
	trust   string
	session Session
	token   faas.Secret   // of the session
	got     time.Time     // when the token came
	checked time.Time     // when Keystone last said that it is valid, or could not be asked
	used    time.Time     // when a call last wanted it
	life    time.Duration // the longest that a call wanted it for
	failed  error         // of the last request
	retry   time.Time     // until then failed is the answer
	flight  chan struct{} // closed when the request under way is over; nil when there is none
}

const (
	defaultSize  = 10000
	defaultCheck = 5 * time.Minute
	// requestPatience bounds a request to Keystone that calls wait for.
	requestPatience = 15 * time.Second
	// renewalPatience is how long a call waits for a better token than the one there is, which
	// still is valid.
	renewalPatience = time.Second
	// callMargin is how much longer than its call a token should live: what the function has begun
	// elsewhere may go on with it.
	callMargin = time.Minute
	// expiryMargin is what a token must have left to be of any use: the way to the worker, and
	// clocks that differ.
	expiryMargin = 5 * time.Second
	// forbiddenFor and unavailableFor are how long Keystone is not asked again.
	forbiddenFor   = 10 * time.Second
	unavailableFor = 2 * time.Second
)

// New makes sessions, which renew what is in use until Close.
func New(cfg Config) *Sessions {
	if cfg.Size == 0 {
		cfg.Size = defaultSize
	}
	if cfg.Check == 0 {
		cfg.Check = defaultCheck
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Sessions{
		cfg: cfg, ctx: ctx, cancel: cancel, renewal: make(chan struct{}, renewParallel), byTrust: lru.New[string, *entry](cfg.Size),
	}
	s.loop.Go(s.renewAlways)
	return s
}

// Close ends the requests under way and waits for them.
func (s *Sessions) Close() {
	s.mu.Lock()
	s.cancel() // under the lock, so that no request begins once they are waited for
	s.mu.Unlock()
	s.loop.Wait()
	s.flying.Wait()
}

// Get returns the session of a call that the token is to outlive by that long from now. Where
// tokens live shorter than that, it is one that has at least half its life left. While Keystone is
// away any valid one will do; without one the error's kind is Unavailable. Forbidden means that the
// trust yields no tokens any more.
func (s *Sessions) Get(ctx context.Context, trustID string, life time.Duration) (Session, error) {
	s.mu.Lock()
	e := s.entry(trustID)
	now := s.cfg.Now()
	e.used, e.life = now, max(e.life, life)
	if e.lasts(now, life) || e.failed != nil && now.Before(e.retry) {
		defer s.mu.Unlock()
		return e.answer(now)
	}
	flight, valid := s.fetch(e), e.valid(now)
	s.mu.Unlock()
	if valid {
		short, cancel := context.WithTimeout(ctx, renewalPatience)
		defer cancel()
		ctx = short
	}
	select {
	case <-flight:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.answer(s.cfg.Now())
}

// ForCall returns the context of a call that may wait and run for so long, and where its token does
// not outlive that, how it comes by the next.
func (s *Sessions) ForCall(
	ctx context.Context, trustID string, wait, timeout time.Duration,
) (json.RawMessage, *faas.Renewal, error) {
	life := wait + timeout + callMargin
	got, err := s.Get(ctx, trustID, life)
	if err != nil || got.ExpiresAt.Sub(s.cfg.Now()) >= life {
		return got.Context, nil, err
	}
	return got.Context, &faas.Renewal{
		Ends: got.ExpiresAt,
		Next: func(ctx context.Context) (json.RawMessage, time.Time, error) {
			fresh, err := s.Get(ctx, trustID, life)
			return fresh.Context, fresh.ExpiresAt, err
		},
	}, nil
}

// Prefetch has a token of the trust got for the call that will want one.
func (s *Sessions) Prefetch(trustID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetch(s.entry(trustID))
}

// Forget drops the token of a trust that is gone.
func (s *Sessions) Forget(trustID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byTrust.Delete(trustID)
}

// entry returns the trust's entry, a new one if it must, as the one used last.
func (s *Sessions) entry(trustID string) *entry {
	e, ok := s.byTrust.Get(trustID)
	if !ok {
		e = &entry{trust: trustID}
		s.byTrust.Put(trustID, e)
	}
	return e
}

// lasts reports whether there is a token that has long enough left.
func (e *entry) lasts(now time.Time, life time.Duration) bool {
	return e.valid(now) && e.session.ExpiresAt.Sub(now) >= min(life, e.session.ExpiresAt.Sub(e.got)/2)
}

func (e *entry) valid(now time.Time) bool {
	return e.session.Context != nil && e.session.ExpiresAt.Sub(now) > expiryMargin
}

// answer returns what there is: a token that Keystone would not give any more is none.
func (e *entry) answer(now time.Time) (Session, error) {
	switch {
	case e.valid(now):
		return e.session, nil
	case e.failed != nil:
		return Session{}, e.failed
	}
	return Session{}, errLate()
}

func errLate() error {
	err := faas.Errorf(faas.Unavailable, "Keystone did not give the function's token in time.")
	err.RetryAfter = unavailableFor
	return err
}

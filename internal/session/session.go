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

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/lru"
)

// Source gets tokens from Keystone.
type Source interface {
	// TrustToken gets a new token of the trust. An error is a *faas.Error: of kind Forbidden when
	// no token can be had, because the trust, its user, or its project is gone or disabled, and of
	// kind Unavailable when Keystone cannot be asked.
	TrustToken(ctx context.Context, trustID string) (Token, error)
	// Valid reports whether a token of TrustToken is valid, and since when that is known: another
	// process may have asked. The error says that Keystone cannot be asked.
	Valid(ctx context.Context, token faas.Secret) (valid bool, asOf time.Time, err error)
}

// Token is a token of a trust with what a function needs to use it.
type Token struct {
	Value     faas.Secret
	ExpiresAt time.Time
	UserID    string // the trustor's
	ProjectID string
	AuthURL   string            // Keystone, as functions reach it
	Region    string            // of the endpoints; "" when there is only one
	Endpoints map[string]string // public URLs by type of service
}

// Config is what Sessions need. Source is required.
type Config struct {
	Source Source
	Shared Shared           // nil: each process gets its tokens by itself
	Wait   time.Duration    // how long a token is waited for; 25 s when 0
	Check  time.Duration    // how often tokens in use are checked for revocation; 5 minutes when 0
	Size   int              // tokens that are held at most; 10000 when 0
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: slog.Default()
}

// Session is the credentials of one call.
type Session struct {
	Context   json.RawMessage // of the call; shared: not to be changed. It holds the token
	Token     faas.Secret     // the token alone
	UserID    string          // the trustor's: whom the function acts for
	ExpiresAt time.Time
}

// Sessions hold a token for each trust that is in use. They are safe for concurrent use.
type Sessions struct {
	cfg     Config
	counts  *prometheus.CounterVec
	ctx     context.Context // of the requests to Keystone, which outlive the calls that caused them
	cancel  context.CancelFunc
	loop    sync.WaitGroup
	flying  sync.WaitGroup
	renewal chan struct{} // holds a token for each request that no call waits for

	mu      sync.Mutex
	byTrust *lru.Cache[string, *entry]
}

// entry is the state of one trust's token.
type entry struct {
	trust   string
	session Session
	token   faas.Secret   // of the session, or that it had and was refused: not to be taken again
	got     time.Time     // when Keystone issued the token, to this process or another
	since   time.Time     // when it came here
	checked time.Time     // when Keystone was last asked whether it is valid
	used    time.Time     // when a call last used it
	life    time.Duration // the longest time that a call needed it for
	failed  error         // of the last request
	retry   time.Time     // until then Get returns failed and does not ask Keystone
	flight  chan struct{} // closed when the request under way is over; nil when there is none
}

const (
	defaultSize  = 10000
	defaultCheck = 5 * time.Minute
	// defaultWait is enough for another process's turn, and a request to Keystone after that.
	defaultWait = 25 * time.Second
	// renewalTimeout bounds how long a call waits for a token that lasts longer than the one it could
	// use.
	renewalTimeout = time.Second
	// callMargin is how much longer than its call a token should last: requests that the function has
	// started elsewhere may go on with it.
	callMargin = time.Minute
	// expiryMargin is the time that a token must have left to be used at all: it covers the way to the
	// worker, and clocks that differ.
	expiryMargin = 5 * time.Second
	// forbiddenFor and unavailableFor are how long Keystone is not asked again after it refused, or
	// failed.
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
	if cfg.Wait == 0 {
		cfg.Wait = defaultWait
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Sessions{
		cfg: cfg, counts: newCounts(), ctx: ctx, cancel: cancel, renewal: make(chan struct{}, renewParallel),
		byTrust: lru.New[string, *entry](cfg.Size),
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

// Get returns a session whose token lasts for at least life from now. Where Keystone's tokens last
// shorter than that, it has at least half its lifetime left. While Keystone cannot be asked, any
// valid token will do; without one the error is of kind faas.Unavailable. faas.Forbidden means that
// Keystone issues no tokens for the trust any more.
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
		short, cancel := context.WithTimeout(ctx, renewalTimeout)
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

// ForCall returns the context of a call that may wait and run for so long. Where its token does not
// last for that time, the renewal says when it ends and gets the next one.
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

// Prefetch requests a token of the trust, for the call that will need one soon. It does not wait.
func (s *Sessions) Prefetch(trustID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetch(s.entry(trustID))
}

// Forget drops the token of a trust that is gone, for the other processes, too. Those that hold it
// find out at their next check; Keystone has revoked it.
func (s *Sessions) Forget(trustID string) {
	s.mu.Lock()
	s.byTrust.Delete(trustID)
	s.mu.Unlock()
	if s.cfg.Shared != nil {
		s.cfg.Shared.Delete(sharedKind, trustID)
	}
}

// Renew has Get return another token of the trust, since a service refuses the one that it
// returned. It does not wait.
func (s *Sessions) Renew(trustID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.byTrust.Get(trustID); ok {
		e.session = Session{}
	}
}

// entry returns the trust's entry, a new one where there is none, and marks it as used last.
func (s *Sessions) entry(trustID string) *entry {
	e, ok := s.byTrust.Get(trustID)
	if !ok {
		e = &entry{trust: trustID}
		s.byTrust.Put(trustID, e)
	}
	return e
}

// lasts reports whether there is a token that lasts for life, or for half its lifetime.
func (e *entry) lasts(now time.Time, life time.Duration) bool {
	return e.valid(now) && e.session.ExpiresAt.Sub(now) >= min(life, e.session.ExpiresAt.Sub(e.got)/2)
}

func (e *entry) valid(now time.Time) bool {
	return e.session.Context != nil && e.session.ExpiresAt.Sub(now) > expiryMargin
}

// answer returns the session if its token is valid, else why there is none.
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
	err := faas.Errorf(faas.Unavailable, "Keystone did not issue a token for the function in time; try again later.")
	err.RetryAfter = unavailableFor
	return err
}

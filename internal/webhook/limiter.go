package webhook

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/lru"
)

const (
	// maxKnown bounds the webhooks that are remembered, some 200 bytes each. One that was forgotten
	// begins anew, with as many calls as come in a minute.
	maxKnown = 20_000
	// goneFor is how long a webhook that was found to be no more is refused without a look at the
	// database. One that comes back, when its expiry is changed, is refused for as long by the other
	// APIs.
	goneFor = 5 * time.Second
	// forgedFor is how long requests are checked by the webhook that one with a wrong signature was
	// for. Whoever changes its signing secret may have senders refused for as long by the other APIs.
	forgedFor = time.Second
	// maxForged bounds the webhooks that are remembered for that, a few KiB each.
	maxForged = 1000
)

// URL is one URL of a webhook: each generation counts by itself, so that whoever still has a URL
// that was replaced cannot use up the calls of the new one.
type URL struct {
	ID         string
	Generation int64
}

// Limiter bounds how often each webhook is called, in memory, by this process. Only URLs whose
// secret is right are asked for, so what it remembers is bounded by the webhooks that there are,
// too. It is safe for concurrent use.
type Limiter struct {
	most atomic.Int64 // calls a minute of any webhook
	now  func() time.Time

	mu    sync.Mutex
	known *lru.Cache[URL, *use]
	// forged is what URLs led to of which a request with a wrong signature came a moment ago.
	forged *lru.Cache[URL, forged]
}

// forged is a webhook as it was looked up for a request with a wrong signature.
type forged struct {
	webhook faas.Webhook
	until   time.Time
}

// use is how a URL was used lately.
type use struct {
	all       bucket    // requests of whatever kind
	own       bucket    // accepted calls, where the webhook has a limit of its own
	limit     int64     // the webhook's own, a minute; 0 when it has none or none is known yet
	goneUntil time.Time // there was no such webhook; zero when there was
}

// bucket holds calls that may be made at once. It fills at the rate of the limit, up to the limit
// of a minute.
type bucket struct {
	left float64
	at   time.Time // when left was right; zero: it is full
}

// NewLimiter returns a limiter that lets each URL be called so often a minute, and as often at once
// when it was quiet for a minute. now is time.Now when nil.
func NewLimiter(most int64, now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	l := &Limiter{now: now, known: lru.New[URL, *use](maxKnown), forged: lru.New[URL, forged](maxForged)}
	l.SetMost(most)
	return l
}

// SetMost changes how often each URL may be called a minute.
func (l *Limiter) SetMost(most int64) { l.most.Store(most) }

// Most returns how often each URL may be called a minute.
func (l *Limiter) Most() int64 { return l.most.Load() }

// Enter counts a request for the URL before anything is looked up. gone says that it is known to
// lead nowhere; wait, when it is not 0, that the request is one too many, and when the next may
// come.
func (l *Limiter) Enter(u URL) (gone bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, now := l.use(u), l.now()
	if wait = known.all.take(l.Most(), now); wait > 0 {
		return false, wait
	}
	if now.Before(known.goneUntil) {
		return true, 0
	}
	if known.limit > 0 {
		return false, known.own.wait(known.limit, now)
	}
	return false, 0
}

// Accept counts a call that is proved to be of a sender of the webhook's, by the webhook's own
// limit, 0 for none. Requests with a wrong signature come only as far as Enter, and use up nothing
// here.
func (l *Limiter) Accept(u URL, limit int64) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.use(u)
	if known.limit = limit; limit == 0 {
		return 0
	}
	return known.own.take(limit, l.now())
}

// Gone remembers for a moment that the URL leads nowhere.
func (l *Limiter) Gone(u URL) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.use(u).goneUntil = l.now().Add(goneFor)
}

// Forged remembers for a moment the webhook, just looked up, that a request with a wrong signature
// was for.
func (l *Limiter) Forged(u URL, w faas.Webhook) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forged.Put(u, forged{w, l.now().Add(forgedFor)})
}

// Suspected returns the webhook that Forged remembers. A request whose signature is wrong by it is
// refused without a look at the database; one whose signature is right is not told by it alone.
func (l *Limiter) Suspected(u URL) (faas.Webhook, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.forged.Get(u)
	return f.webhook, ok && l.now().Before(f.until)
}

// Back has a URL be looked up again: its webhook was changed.
func (l *Limiter) Back(u URL) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forged.Delete(u)
	if known, ok := l.known.Get(u); ok {
		known.goneUntil = time.Time{}
	}
}

func (l *Limiter) use(u URL) *use {
	known, ok := l.known.Get(u)
	if !ok {
		known = &use{}
		l.known.Put(u, known)
	}
	return known
}

// take takes a call out, or returns how long it is until there is one.
func (b *bucket) take(limit int64, now time.Time) time.Duration {
	if wait := b.wait(limit, now); wait > 0 {
		return wait
	}
	b.left--
	return 0
}

// wait returns how long it is until there is a call to take, 0 when there is one. The limit may
// have changed since it was asked last.
func (b *bucket) wait(limit int64, now time.Time) time.Duration {
	perSecond := float64(limit) / 60
	if b.at.IsZero() {
		b.left = float64(limit)
	} else if passed := now.Sub(b.at); passed > 0 {
		b.left += passed.Seconds() * perSecond
	}
	b.left, b.at = min(b.left, float64(limit)), now
	if b.left >= 1 {
		return 0
	}
	return time.Duration((1 - b.left) / perSecond * float64(time.Second))
}

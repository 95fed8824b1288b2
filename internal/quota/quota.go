package quota

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/openstack-faas/faas/internal/faas"
)

// Driver keeps the limits that are projects' own.
type Driver interface {
	// Limits returns the limits that differ from the configuration's.
	Limits(ctx context.Context, projectID string) (faas.Amounts, error)
	// Set sets limits of a project's own; nil removes one, so that the default holds again.
	Set(ctx context.Context, projectID string, limits map[faas.Resource]*int64) error
	// Reset removes all of them.
	Reset(ctx context.Context, projectID string) error
}

// Config is what Quotas need. Driver and Defaults are required.
type Config struct {
	Driver    Driver
	Defaults  faas.Amounts     // of resources that a project has no limit of its own for
	CacheTime time.Duration    // how long limits are remembered; 0: they are read each time
	Fallback  bool             // the defaults hold for a project whose limits never could be read; else that is an error
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: slog.Default()
}

// Quotas reads and caches the limits of projects. It is safe for concurrent use.
type Quotas struct {
	cfg     Config             // its Defaults change, under mu
	flights singleflight.Group // by project

	mu    sync.Mutex
	known map[string]*known   // by project
	reads map[string]*reading // under way, by project; one that a change made out of date is not here
	away  bool                // the last read failed
}

// known is a project's limits as they were read.
type known struct {
	limits  faas.Amounts // complete; shared, not to be changed
	until   time.Time
	tried   time.Time // when it was read last, or could not be
	reading bool      // a read is under way
}

// reading is one read.
type reading struct{ projectID string }

const (
	// maxKnown bounds the projects whose limits are remembered.
	maxKnown = 10_000
	// readTimeout bounds one read, which several callers may wait for.
	readTimeout = 10 * time.Second
	// retryPause is the time between two tries to read limits that could not be read.
	retryPause = time.Second
	// staleFor is how long expired limits are still used while they are read again; for older ones
	// callers wait.
	staleFor = time.Minute
)

// New makes Quotas.
func New(cfg Config) *Quotas {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Quotas{cfg: cfg, known: map[string]*known{}, reads: map[string]*reading{}}
}

// Defaults returns what a project may have that has no limits of its own, which must not be
// changed.
func (q *Quotas) Defaults() faas.Amounts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.cfg.Defaults
}

// SetDefaults has other limits hold for projects without limits of their own, from here on.
func (q *Quotas) SetDefaults(defaults faas.Amounts) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if maps.Equal(q.cfg.Defaults, defaults) {
		return // what is known stays so: perhaps it cannot be read again now
	}
	for projectID := range q.reads {
		q.flights.Forget(projectID) // callers from now on do not share a read that began before
	}
	q.cfg.Defaults = defaults
	clear(q.reads)
	clear(q.known)
}

// Limits returns the limits of a project, which must not be changed. Limits that were read not long
// ago are returned at once and read again in the background; else Limits waits until ctx ends. When
// they cannot be read, those that were read last hold. When there are none, the error is of kind
// faas.Unavailable, or with Fallback the defaults hold.
func (q *Quotas) Limits(ctx context.Context, projectID string) (faas.Amounts, error) {
	limits, will, due := q.remembered(projectID)
	if will && !due {
		return limits, nil
	}
	detached := context.WithoutCancel(ctx) // other callers may wait for the read when this one leaves
	flight := q.flights.DoChan(projectID, func() (any, error) {
		ctx, cancel := context.WithTimeout(detached, readTimeout)
		defer cancel()
		return q.read(ctx, projectID)
	})
	if will {
		return limits, nil
	}
	select {
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(faas.Amounts), nil
	case <-ctx.Done():
		return q.late(projectID, ctx.Err())
	}
}

// last returns what was read last of a project's limits, however long ago.
func (q *Quotas) last(projectID string) faas.Amounts {
	q.mu.Lock()
	defer q.mu.Unlock()
	if k := q.known[projectID]; k != nil {
		return k.limits
	}
	return q.cfg.Defaults
}

// remembered returns the cached limits of a project. will says that they are fresh enough to use;
// due, that the caller must start a read.
func (q *Quotas) remembered(projectID string) (limits faas.Amounts, will, due bool) {
	now := q.cfg.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	k := q.known[projectID]
	if k == nil || q.cfg.CacheTime == 0 && !q.away {
		return nil, false, true
	}
	if now.Before(k.until) {
		return k.limits, true, false
	}
	due = !k.reading
	k.reading = true
	return k.limits, now.Sub(k.tried) < q.cfg.CacheTime+staleFor, due
}

func (q *Quotas) read(ctx context.Context, projectID string) (faas.Amounts, error) {
	this := &reading{projectID}
	q.mu.Lock()
	q.reads[projectID] = this
	q.mu.Unlock()
	own, err := q.cfg.Driver.Limits(ctx, projectID)
	now := q.cfg.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	current := q.reads[projectID] == this
	if current {
		delete(q.reads, projectID)
	}
	q.logFailure(err)
	if err != nil {
		if current {
			q.failed(projectID, now)
		}
		return q.without(projectID, err)
	}
	limits := q.cfg.Defaults
	if len(own) > 0 {
		limits = maps.Clone(q.cfg.Defaults)
		maps.Copy(limits, own)
	}
	if current {
		q.remember(projectID, &known{limits: limits, until: now.Add(q.cfg.CacheTime), tried: now}, now)
	}
	return limits, nil
}

// failed notes that a project's limits could not be read.
func (q *Quotas) failed(projectID string, now time.Time) {
	k := q.known[projectID]
	switch {
	case k != nil:
		k.until, k.tried, k.reading = now.Add(retryPause), now, false
	case q.cfg.Fallback:
		q.remember(projectID, &known{limits: q.cfg.Defaults, until: now.Add(retryPause), tried: now}, now)
	}
}

// late returns what holds for a caller whose ctx ended before the read.
func (q *Quotas) late(projectID string, err error) (faas.Amounts, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.without(projectID, err)
}

// without returns what holds when the limits could not be read. The caller holds the lock.
func (q *Quotas) without(projectID string, err error) (faas.Amounts, error) {
	if k := q.known[projectID]; k != nil {
		return k.limits, nil
	}
	if q.cfg.Fallback {
		return q.cfg.Defaults, nil
	}
	if errors.Is(err, context.Canceled) {
		return nil, err // nobody is there to read it
	}
	unread := faas.Errorf(
		faas.Unavailable, "The quotas of project %s cannot be read now; try again later.", projectID,
	).WithCause(err)
	unread.RetryAfter = retryPause
	return nil, unread
}

// logFailure logs the first failure in a row, and the end of failures.
func (q *Quotas) logFailure(err error) {
	switch {
	case err != nil && !q.away:
		q.cfg.Log.Warn("the quotas of projects cannot be read; those that were read last hold", "error", err)
	case err == nil && q.away:
		q.cfg.Log.Info("the quotas of projects can be read again")
	}
	q.away = err != nil
}

// remember caches limits. It makes room by dropping expired ones, and where that is not enough any
// others.
func (q *Quotas) remember(projectID string, k *known, now time.Time) {
	if len(q.known) >= maxKnown {
		maps.DeleteFunc(q.known, func(_ string, k *known) bool { return !now.Before(k.until) && !k.reading })
	}
	for other := range q.known {
		if len(q.known) < maxKnown {
			break
		}
		delete(q.known, other)
	}
	q.known[projectID] = k
}

// Set sets limits of a project's own; nil removes one, so that the default holds again. They hold
// here at once, and in other processes when these have read them anew.
func (q *Quotas) Set(ctx context.Context, projectID string, limits map[faas.Resource]*int64) error {
	defer q.forget(projectID)
	return q.cfg.Driver.Set(ctx, projectID, limits)
}

// Reset removes the limits of a project's own.
func (q *Quotas) Reset(ctx context.Context, projectID string) error {
	defer q.forget(projectID)
	return q.cfg.Driver.Reset(ctx, projectID)
}

func (q *Quotas) forget(projectID string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.reads, projectID)
	delete(q.known, projectID)
	q.flights.Forget(projectID) // callers from now on do not share a read that began before
}

package fair

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
)

// Limiter hands out a number of slots to projects that take turns. It is safe for concurrent use.
type Limiter struct {
	share      Share
	maxWaiting int

	mu      sync.Mutex
	free    int
	held    map[string]int       // slots by project; none is absent
	waiting map[string][]*waiter // by project, first come first
	turns   turns
}

// Share reports whether a project that holds so many slots may have one more while so many are
// free.
type Share func(held, free int) bool

// AtMost is the share of projects that may hold n slots each.
func AtMost(n int) Share { return func(held, _ int) bool { return held < n } }

// Leaving is the share of projects that may hold up to generosity times as many slots as stay free.
// A project that is alone gets generosity of every generosity+1 slots, so one that comes later
// finds one, even if the first frees none.
func Leaving(generosity int) Share {
	return func(held, free int) bool { return held == 0 || held < generosity*free }
}

// Begin takes what a holder needs besides a slot, without waiting for it; done frees it. An error
// says that there is none now.
type Begin func() (done func(), err error)

// ErrTooManyWaiting says that a project has as many waiting as it may.
var ErrTooManyWaiting = errors.New("too many of the project are waiting")

type waiter struct {
	entered chan struct{} // closed when it has a slot
	begin   Begin
	done    func() // set when it has one
}

// NewLimiter returns a limiter with all its slots free. maxWaiting bounds how many of one project
// may wait at a time; 0 is no bound.
func NewLimiter(slots int, share Share, maxWaiting int) *Limiter {
	return &Limiter{
		share: share, maxWaiting: maxWaiting, free: slots,
		held: map[string]int{}, waiting: map[string][]*waiter{}, turns: newTurns(),
	}
}

// Enter waits for a slot; leave frees it and may be called more than once. The error is
// ErrTooManyWaiting, or ctx's when it ended first.
func (l *Limiter) Enter(ctx context.Context, project string) (leave func(), err error) {
	return l.EnterWith(ctx, project, nothing)
}

// EnterWith waits for a slot and for what begin takes. begin is called with the limiter's lock
// held: it must be quick and must not call the limiter. Somebody has to call Retry when begin may
// succeed that failed before.
func (l *Limiter) EnterWith(ctx context.Context, project string, begin Begin) (leave func(), err error) {
	w := &waiter{entered: make(chan struct{}), begin: begin}
	l.mu.Lock()
	if l.maxWaiting > 0 && len(l.waiting[project]) >= l.maxWaiting {
		l.mu.Unlock()
		return nil, ErrTooManyWaiting
	}
	l.waiting[project] = append(l.waiting[project], w)
	l.admit()
	l.mu.Unlock()
	select {
	case <-w.entered:
	case <-ctx.Done():
		if l.giveUp(project, w) {
			return nil, ctx.Err()
		} // else it got its slot at the same moment
	}
	return sync.OnceFunc(func() { l.leave(project, w) }), nil
}

// TryEnter takes a slot if the project may have one at once; those who wait come first.
func (l *Limiter) TryEnter(project string) (leave func(), ok bool) {
	w := &waiter{entered: make(chan struct{}), begin: nothing}
	l.mu.Lock()
	l.waiting[project] = append(l.waiting[project], w)
	l.admit()
	l.mu.Unlock()
	if l.giveUp(project, w) {
		return nil, false
	}
	return sync.OnceFunc(func() { l.leave(project, w) }), true
}

// Retry lets in those for whom there is now what they need besides a slot.
func (l *Limiter) Retry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.admit()
}

// Waiting returns the projects that wait, in no order.
func (l *Limiter) Waiting() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	projects := make([]string, 0, len(l.waiting))
	for project := range l.waiting {
		projects = append(projects, project)
	}
	return projects
}

// IsWaiting reports whether somebody of the project waits.
func (l *Limiter) IsWaiting(project string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting[project]) > 0
}

// Free returns how many slots nobody holds.
func (l *Limiter) Free() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.free
}

// Held returns how many slots the project holds.
func (l *Limiter) Held(project string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[project]
}

func nothing() (done func(), err error) { return func() {}, nil }

// giveUp takes a waiter out and reports whether it was there; else it has its slot.
func (l *Limiter) giveUp(project string, w *waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(l.waiting[project], w)
	if at < 0 {
		return false
	}
	l.waiting[project] = slices.Delete(l.waiting[project], at, at+1)
	l.tidy(project)
	l.admit() // who is first now may need less than the one that left
	return true
}

func (l *Limiter) leave(project string, w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.done()
	l.free++
	l.held[project]--
	l.tidy(project)
	l.admit()
}

// admit hands slots to those whose turn it is. A project whose first waiter finds nothing to begin
// with has no turn. The lock is held.
func (l *Limiter) admit() {
	var blocked map[string]bool // nil until there is one: most often there is none
	for {
		project, ok := l.next(blocked)
		if !ok {
			return
		}
		w := l.waiting[project][0]
		done, err := w.begin()
		if err != nil {
			if blocked == nil {
				blocked = map[string]bool{}
			}
			blocked[project] = true
			continue
		}
		w.done = done
		l.turns.take(project)
		l.free--
		l.held[project]++
		l.waiting[project] = l.waiting[project][1:]
		l.tidy(project)
		close(w.entered)
	}
}

// next returns the project whose turn it is among those that may have a slot.
func (l *Limiter) next(blocked map[string]bool) (project string, ok bool) {
	if l.free <= 0 {
		return "", false
	}
	for p := range l.waiting {
		if blocked[p] || !l.share(l.held[p], l.free) {
			continue
		}
		if !ok || cmp.Or(l.turns.compare(p, project), cmp.Compare(p, project)) < 0 {
			project, ok = p, true
		}
	}
	return project, ok
}

// tidy forgets a project that neither holds nor waits; its last turn is remembered.
func (l *Limiter) tidy(project string) {
	if len(l.waiting[project]) == 0 {
		delete(l.waiting, project)
	}
	if l.held[project] == 0 {
		delete(l.held, project)
	}
}

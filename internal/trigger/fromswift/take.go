package fromswift

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/pkg/swift"
)

const (
	parallel = 16  // events that are taken at a time
	chunk    = 256 // events between two looks at the clock
)

// inParallel calls do for 0 to n-1, and none more after the first error, which it returns. settled
// says for which there was none.
func inParallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) (settled []bool, err error) {
	settled = make([]bool, n)
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range n {
		if running.Err() != nil {
			break
		}
		group.Go(func() error {
			if running.Err() == nil {
				err := do(ctx, i) // what has begun goes on when another fails
				settled[i] = err == nil
				return err
			}
			return ctx.Err() // the first error is what counts
		})
	}
	return settled, errors.Join(group.Wait(), ctx.Err())
}

// take has an event taken. made is the error of making it.
func (l *look) take(ctx context.Context, e event.Event, made error) error {
	if made != nil {
		return made
	}
	_, err := l.cfg.Take.Take(ctx, l.t, e)
	return err
}

// deletions has events of the objects taken that were there and are not in the list any more. left
// says that some are left for another look.
func (l *look) deletions(ctx context.Context) (left bool, err error) {
	if l.memory.names == nil || l.met == nil {
		return false, nil
	}
	var gone []string
	for name := range l.memory.names {
		if _, there := l.met[name]; !there {
			gone = append(gone, name)
		}
	}
	for _, name := range gone { // they stay until they are settled
		l.met[name] = l.memory.names[name]
	}
	for len(gone) > 0 {
		some := gone[:min(chunk, len(gone))]
		there := make([]bool, len(some))
		settled, err := inParallel(ctx, len(some), func(ctx context.Context, i int) (err error) {
			there[i], err = l.deletion(ctx, some[i])
			return err
		})
		for i, name := range some {
			if settled[i] && !there[i] {
				delete(l.met, name)
				l.changed = true
			}
		}
		if err != nil {
			return true, err
		}
		if gone = gone[len(some):]; len(gone) > 0 && l.cfg.Now().After(l.until) {
			return true, nil
		}
	}
	return false, nil
}

// deletion has the event of an object taken, unless Swift has the object: a list may lack what is
// there.
func (l *look) deletion(ctx context.Context, name string) (there bool, err error) {
	asked, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	_, err = l.account.Head(asked, l.s.Container, name)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, swift.ErrNotFound), errors.Is(err, swift.ErrName): // the latter can not be asked for
		e, err := deleted(l.t, l.s, name, l.memory.names[name])
		return false, l.take(ctx, e, err)
	}
	return false, explained(l.s, err)
}

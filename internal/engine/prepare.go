package engine

import (
	"context"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// preparation is what is to be done before a worker is taken for a key.
type preparation struct {
	key  faas.Key
	look bool // at its object in Swift, too
}

// looks are the preparations under way: those who need the same share one. It goes on when nobody waits for it any more, so that a large package has
// arrived when the call comes again.
type looks struct {
	ctx   context.Context
	stop  context.CancelFunc
	tasks sync.WaitGroup

	mu    sync.Mutex
	under map[preparation]*look
}

type look struct {
	done chan struct{}
	err  error // once done is closed
}

func (l *looks) init() {
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.under = map[preparation]*look{}
}

// join gives the one that is under way, or begins it.
func (l *looks) join(p preparation, do func(context.Context) error) *look {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.under[p]; one != nil {
		return one
	}
	one := &look{done: make(chan struct{})}
	l.under[p] = one
	l.tasks.Go(func() {
		one.err = do(l.ctx)
		l.mu.Lock()
		delete(l.under, p)
		l.mu.Unlock()
		close(one.done)
	})
	return one
}

func (l *looks) wait() {
	l.stop()
	l.tasks.Wait()
}

// prepare has the target's package in memory, unless a worker runs it, and, if its function is from Swift and no worker runs it, looks at its object. It comes before a worker is
// taken, so that no worker is kept from others while a store of packages or Swift is slow. late ends the wait, with an error of kind Unavailable;
// Outdated says that the function has a newer revision.
func (e *Engine) prepare(ctx context.Context, target faas.Target, late <-chan time.Time) error {
	looks := e.looksAtObject(target)
	if !looks && (target.SHA256 == "" || e.packages.has(target.SHA256) || e.serves(target.Key)) {
		return nil
	}
	one := e.looks.join(preparation{target.Key, looks}, func(ctx context.Context) error { return e.lookAndLoad(ctx, target, looks) })
	select {
	case <-one.done:
		return one.err
	case <-late:
	case <-ctx.Done():
	}
	if looks {
		return faas.Errorf(faas.Unavailable, "The function's code is still being read from Swift.")
	}
	return faas.Errorf(faas.Unavailable, "The function's package is still being read.")
}

// lookAndLoad does both at a time.
func (e *Engine) lookAndLoad(ctx context.Context, target faas.Target, looks bool) error {
	ctx, cancel := context.WithTimeout(ctx, specialiseTimeout)
	defer cancel()
	loading, stop := context.WithCancel(ctx)
	defer stop()
	var loaded error
	var load sync.WaitGroup
	load.Go(func() { _, loaded = e.packages.get(loading, target.SHA256) })
	if looks {
		if err := e.lookAt(ctx, target.Key); err != nil {
			stop() // it is not needed
			load.Wait()
			return err
		}
	}
	load.Wait()
	return loaded
}

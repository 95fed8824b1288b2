// Package preparation has what a worker needs before one is taken for a function: the function's
// package in memory, and for code from Swift the knowledge that it is what its object holds.
package preparation

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// Config is what a Preparer needs. Every field is required but Objects.
type Config struct {
	Functions *store.FunctionStore
	Usage     *store.QuotaStore // what projects have
	Code      codestore.Store
	Memory    int64                                       // bytes that packages may take in memory, in use and cached
	Objects   *Objects                                    // nil: functions from Swift keep the code that they have
	Serves    func(faas.Key) bool                         // reports whether a worker of the key takes calls
	Changed   func(context.Context, faas.FunctionChanged) // broadcasts a function's new revision
	Group     *background.Group                           // of preparations, which outlive the calls that asked for them
	Now       func() time.Time
	Log       *slog.Logger
}

// Preparer prepares functions for workers. It is safe for concurrent use.
type Preparer struct {
	cfg      Config
	log      *slog.Logger
	packages *packages
	rejected *rejectedContent
	tasks    *background.Group

	mu    sync.Mutex
	under map[task]*underWay
}

// task is what is to be done for a key. Those who need the same share one preparation.
type task struct {
	key    faas.Key
	object bool // its object in Swift is looked at, too
}

// underWay is one preparation. It goes on when nobody waits for it any more, so that a large
// package has arrived when the call comes again.
type underWay struct {
	done chan struct{}
	err  error // once done is closed
}

// Timeout bounds how long a package may take to be had, and a worker to get it.
const Timeout = 2 * time.Minute

// New returns a preparer. Stop ends it.
func New(cfg Config) *Preparer {
	return &Preparer{
		cfg: cfg, log: cfg.Log, packages: newPackages(cfg.Code, cfg.Memory), rejected: newRejectedContent(),
		tasks: cfg.Group.Child("preparations"), under: map[task]*underWay{},
	}
}

// Stop ends the preparations under way and waits for them.
func (p *Preparer) Stop() {
	p.tasks.Stop()
	_ = p.tasks.Wait(context.Background()) // without a deadline there is no error
}

// Prepare has the target's package in memory, unless a worker runs it; if its function is from
// Swift and no worker runs it, its object is looked at too. It comes before a worker is taken, so
// that no worker is kept from others while a store of packages or Swift is slow. late ends the
// wait, with an error of kind Unavailable; Outdated says that the function has a newer revision.
func (p *Preparer) Prepare(ctx context.Context, target faas.Target, late <-chan time.Time) error {
	object := p.looksAtObject(target)
	if !object && (target.SHA256 == "" || p.packages.has(target.SHA256) || p.cfg.Serves(target.Key)) {
		return nil
	}
	one := p.join(task{target.Key, object}, func(ctx context.Context) error { return p.lookAndLoad(ctx, target, object) })
	select {
	case <-one.done:
		return one.err
	case <-late:
	case <-ctx.Done():
	}
	if object {
		return faas.Errorf(faas.Unavailable, "The function's code is still being read from Swift; try again later.")
	}
	return faas.Errorf(faas.Unavailable, "The function's package is still being read from the code store; try again later.")
}

// Package returns the bytes of the target's package, which the caller must not change, and must not
// touch after release. The error is of kind Unavailable when they may be had later, and of kind
// Internal when there is no such package.
func (p *Preparer) Package(ctx context.Context, target faas.Target) (zip []byte, release func(), err error) {
	return p.packages.use(ctx, target)
}

// join returns the preparation of the task that is under way, or begins it.
func (p *Preparer) join(t task, do func(context.Context) error) *underWay {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.under[t]; one != nil {
		return one
	}
	one := &underWay{done: make(chan struct{})}
	p.under[t] = one
	p.tasks.Go("prepare a function", func(ctx context.Context) {
		one.err = do(ctx)
		p.mu.Lock()
		delete(p.under, t)
		p.mu.Unlock()
		close(one.done)
	})
	return one
}

// lookAndLoad looks at the object and loads the package that is known at the same time: most often
// the object has not changed.
func (p *Preparer) lookAndLoad(ctx context.Context, target faas.Target, object bool) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	loading, stop := context.WithCancel(ctx)
	defer stop()
	var loaded error
	var load sync.WaitGroup
	load.Go(func() { loaded = p.packages.load(loading, target) })
	if object {
		if err := p.lookAt(ctx, target.Key); err != nil {
			stop() // the package is not needed
			load.Wait()
			return err
		}
	}
	load.Wait()
	return loaded
}

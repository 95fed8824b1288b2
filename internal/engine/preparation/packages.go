package preparation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/fair"
	"github.com/openstack-faas/faas/pkg/lru"
)

// packages holds packages in memory within a budget of bytes. Half of it is for those in use: being
// read from the code store or sent to a worker. The other half is a cache of those used last, so
// that a cold start reads no disk and no Swift. A key is the content's digest, so nothing in the
// cache can be out of date.
//
// Whoever needs a package that the budget has no room for waits; projects take turns, and one
// project may have four fifths of the bytes in use. Without the budget, twenty functions of 50 MiB
// that are called together would need 1 GiB, more than an engine may have.
type packages struct {
	code codestore.Store
	gate *fair.Limiter

	// What is in use, in bytes: of all projects and of each. The limiter's lock guards both.
	inUse      int64
	perProject map[string]int64
	budget     int64

	mu     sync.Mutex
	cached *lru.Cache[string, []byte] // by digest
	open   map[string]*opened         // by digest
}

// opened is a package that is in use. Those who use it at the same time share one copy of it.
type opened struct {
	users int
	ready chan struct{} // closed when zip and err are set
	zip   []byte
	err   error
	leave func() // frees the bytes
}

const (
	// packagesAtATime bounds how many packages are read or sent at a time. The bytes are what is
	// scarce; this bounds the connections to the code store.
	packagesAtATime = 64
	// maxPackage is what a package of unknown size is reckoned as: the largest that may be
	// uploaded.
	maxPackage = 50 << 20
)

// newPackages returns an empty holder of at most size bytes. A package that is larger than half of
// it is held alone.
func newPackages(code codestore.Store, size int64) *packages {
	weight := func(zip []byte) int64 { return int64(len(zip)) }
	return &packages{
		code: code, budget: size - size/2, perProject: map[string]int64{},
		gate:   fair.NewLimiter(packagesAtATime, fair.Leaving(4), 0),
		cached: lru.NewWeighted[string](size/2, weight), open: map[string]*opened{},
	}
}

// has reports whether a package is in memory.
func (p *packages) has(sha256 string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cached.Has(sha256)
}

// load has the target's package in the cache, if it fits there.
func (p *packages) load(ctx context.Context, target faas.Target) error {
	_, release, err := p.use(ctx, target)
	if err == nil {
		release()
	}
	return err
}

// use returns the bytes of the target's package, which the caller must not change and not touch
// after release. It waits until the budget has room for them.
func (p *packages) use(ctx context.Context, target faas.Target) (zip []byte, release func(), err error) {
	for {
		one, first := p.join(target.SHA256)
		if first {
			p.fill(ctx, one, target)
		}
		select {
		case <-one.ready:
		case <-ctx.Done():
			p.drop(target.SHA256, one)
			return nil, nil, unreadable(target.SHA256, ctx.Err())
		}
		if one.err == nil {
			return one.zip, sync.OnceFunc(func() { p.drop(target.SHA256, one) }), nil
		}
		p.drop(target.SHA256, one)
		if first || ctx.Err() != nil || !errors.Is(one.err, errGivenUp) {
			return nil, nil, one.err
		}
		// The one that was to read it has left; this caller has not, and reads it.
	}
}

// errGivenUp says that the caller that was reading a package for others too has left.
var errGivenUp = errors.New("the caller that was reading the package has left")

// join returns the package's holder, and whether the caller is the first and must fill it.
func (p *packages) join(sha256 string) (one *opened, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one = p.open[sha256]
	if first = one == nil; first {
		one = &opened{ready: make(chan struct{}), leave: func() {}}
		p.open[sha256] = one
	}
	one.users++
	return one, first
}

// fill sets the bytes or the error. After an error nobody joins any more: the next caller tries
// again.
func (p *packages) fill(ctx context.Context, one *opened, target faas.Target) {
	defer close(one.ready)
	defer func() {
		if one.err != nil {
			p.mu.Lock()
			delete(p.open, target.SHA256)
			p.mu.Unlock()
		}
	}()
	leave, err := p.gate.EnterWith(ctx, target.ProjectID, p.taking(target))
	if err != nil {
		one.err = unreadable(target.SHA256, fmt.Errorf("%w: %w", errGivenUp, err))
		return
	}
	one.leave = leave
	p.mu.Lock()
	zip, ok := p.cached.Get(target.SHA256)
	p.mu.Unlock()
	if ok {
		one.zip = zip
		return
	}
	if one.zip, one.err = p.read(ctx, target); one.err != nil {
		if ctx.Err() != nil {
			one.err = unreadable(target.SHA256, fmt.Errorf("%w: %w", errGivenUp, one.err))
		}
		return
	}
	p.mu.Lock()
	p.cached.Put(target.SHA256, one.zip)
	p.mu.Unlock()
}

// drop ends one caller's use. The last one frees the bytes.
func (p *packages) drop(sha256 string, one *opened) {
	p.mu.Lock()
	one.users--
	last := one.users == 0
	if last && p.open[sha256] == one {
		delete(p.open, sha256)
	}
	p.mu.Unlock()
	if last {
		one.leave()
	}
}

var errNoBytes = errors.New("there is no room for the package in memory")

// taking returns what takes the package's bytes from the budget. A package that is larger than the
// budget, or than its project's part, is let in when nothing else is in use.
func (p *packages) taking(target faas.Target) fair.Begin {
	size, project := sizeOf(target), target.ProjectID
	return func() (done func(), err error) {
		own := p.perProject[project]
		if p.inUse > 0 && p.inUse+size > p.budget || own > 0 && own+size > p.budget/5*4 {
			return nil, errNoBytes
		}
		p.inUse += size
		p.perProject[project] += size
		return func() {
			p.inUse -= size
			if p.perProject[project] -= size; p.perProject[project] == 0 {
				delete(p.perProject, project)
			}
		}, nil
	}
}

func sizeOf(target faas.Target) int64 {
	if target.Size > 0 {
		return target.Size
	}
	return maxPackage
}

// read reads a package whole.
func (p *packages) read(ctx context.Context, target faas.Target) ([]byte, error) {
	body, size, err := p.code.Open(ctx, target.SHA256)
	if faas.KindOf(err) == faas.NotFound {
		return nil, faas.Errorf(faas.Internal, "The function's package is missing from the code store; upload it again.").WithCause(err)
	}
	if err != nil {
		return nil, unreadable(target.SHA256, err)
	}
	defer body.Close()
	if size < 0 || size > sizeOf(target) { // more than the budget was asked for
		return nil, unreadable(target.SHA256, fmt.Errorf("it has %d bytes in the code store, not %d", size, sizeOf(target)))
	}
	zip := make([]byte, size)
	if _, err := io.ReadFull(body, zip); err != nil {
		return nil, unreadable(target.SHA256, err)
	}
	return zip, nil
}

// unreadable returns an error that says that a package may be had later: what waits for it goes on
// waiting.
func unreadable(sha256 string, err error) error {
	why := ""
	var known *faas.Error
	if errors.As(err, &known) {
		why = " " + known.Message
	}
	cause := fmt.Errorf("read package %s: %w", sha256, err)
	return faas.Errorf(faas.Unavailable, "The function's package cannot be read now.%s", why).WithCause(cause)
}

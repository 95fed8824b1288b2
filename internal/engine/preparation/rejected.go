package preparation

import (
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/lru"
)

const (
	// rejectedFor is how long an object's content is known to be no code. A project's quota may be
	// another by then.
	rejectedFor = time.Minute
	// maxRejected bounds of how much content that is known.
	maxRejected = 1000
)

// rejectedContent remembers objects whose content cannot be their functions' code, so that it is
// not read and checked at every call.
type rejectedContent struct {
	mu    sync.Mutex
	known *lru.Cache[content, rejection]
}

// content is what a function's object holds.
type content struct{ functionID, etag string }

type rejection struct {
	err  error
	ends time.Time
}

func newRejectedContent() *rejectedContent {
	return &rejectedContent{known: lru.New[content, rejection](maxRejected)}
}

// why returns the error for which the content was rejected, nil when it was not.
func (r *rejectedContent) why(functionID, etag string, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	one, ok := r.known.Get(content{functionID, etag})
	switch {
	case !ok:
		return nil
	case !now.Before(one.ends):
		r.known.Delete(content{functionID, etag})
		return nil
	}
	return one.err
}

// remember keeps errors that are of the content itself, which has an ETag then; it ignores others.
func (r *rejectedContent) remember(functionID, etag string, err error, now time.Time) {
	switch faas.KindOf(err) {
	case faas.Invalid, faas.OverQuota, faas.TooLarge:
	default:
		return
	}
	if etag == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known.Put(content{functionID, etag}, rejection{err, now.Add(rejectedFor)})
}

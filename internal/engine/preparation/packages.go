package preparation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/lru"
)

// packageCache holds the packages used last in memory, so that a cold start reads no disk and no Swift. Its key is the
// content's digest, so nothing in it can be out of date.
type packageCache struct {
	code codestore.Store

	mu   sync.Mutex
	zips *lru.Cache[string, []byte] // by digest
}

// newPackageCache returns a cache of at most size bytes.
func newPackageCache(code codestore.Store, size int64) *packageCache {
	weight := func(zip []byte) int64 { return int64(len(zip)) }
	return &packageCache{code: code, zips: lru.NewWeighted[string](size, weight)}
}

// has reports whether a package is in memory.
func (c *packageCache) has(sha256 string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.zips.Has(sha256)
}

// get returns the package's bytes, which the caller must not change.
func (c *packageCache) get(ctx context.Context, sha256 string) ([]byte, error) {
	c.mu.Lock()
	zip, ok := c.zips.Get(sha256)
	c.mu.Unlock()
	if ok {
		return zip, nil
	}
	zip, err := c.read(ctx, sha256)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.zips.Put(sha256, zip)
	return zip, nil
}

func (c *packageCache) read(ctx context.Context, sha256 string) ([]byte, error) {
	body, size, err := c.code.Open(ctx, sha256)
	if faas.KindOf(err) == faas.NotFound {
		return nil, faas.Errorf(faas.Internal, "The function's package is missing from the code store.").WithCause(err)
	}
	if err != nil {
		return nil, unreadable(sha256, err)
	}
	defer body.Close()
	zip := make([]byte, size)
	if _, err := io.ReadFull(body, zip); err != nil {
		return nil, unreadable(sha256, err)
	}
	return zip, nil
}

// unreadable returns an error that says that a package may be had later: what waits for it goes on waiting.
func unreadable(sha256 string, err error) error {
	why := ""
	var known *faas.Error
	if errors.As(err, &known) {
		why = " " + known.Message
	}
	cause := fmt.Errorf("read package %s: %w", sha256, err)
	return faas.Errorf(faas.Unavailable, "The function's package cannot be read now.%s", why).WithCause(cause)
}

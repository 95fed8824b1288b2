package engine

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
)

// packageCache holds the packages used last in memory, so that a cold start reads no disk and no Swift. Its key is the
// content's digest, so nothing in it can be out of date.
type packageCache struct {
	code codestore.Store
	room int64 // bytes at most

	mu    sync.Mutex
	used  int64
	byKey map[string]*list.Element
	order *list.List // of cachedPackage, the one used last in front
}

type cachedPackage struct {
	sha256 string
	zip    []byte
}

func newPackageCache(code codestore.Store, room int64) *packageCache {
	return &packageCache{code: code, room: room, byKey: map[string]*list.Element{}, order: list.New()}
}

// has tells whether a package is in memory.
func (c *packageCache) has(sha256 string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byKey[sha256] != nil
}

// get gives the package's bytes, which the caller must not change.
func (c *packageCache) get(ctx context.Context, sha256 string) ([]byte, error) {
	c.mu.Lock()
	if at, ok := c.byKey[sha256]; ok {
		c.order.MoveToFront(at)
		c.mu.Unlock()
		return at.Value.(cachedPackage).zip, nil
	}
	c.mu.Unlock()
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
	c.keep(cachedPackage{sha256, zip})
	return zip, nil
}

// unreadable says that a package may be had later: what waits for it goes on waiting.
func unreadable(sha256 string, err error) error {
	why := ""
	var known *faas.Error
	if errors.As(err, &known) {
		why = " " + known.Message
	}
	return faas.Errorf(faas.Unavailable, "The function's package cannot be read now.%s", why).WithCause(fmt.Errorf("read package %s: %w", sha256, err))
}

func (c *packageCache) keep(p cachedPackage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[p.sha256]; ok || int64(len(p.zip)) > c.room {
		return
	}
	c.byKey[p.sha256] = c.order.PushFront(p)
	c.used += int64(len(p.zip))
	for c.used > c.room {
		last := c.order.Remove(c.order.Back()).(cachedPackage)
		delete(c.byKey, last.sha256)
		c.used -= int64(len(last.zip))
	}
}

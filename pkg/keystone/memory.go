package keystone

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/openstack-faas/faas/pkg/lru"
)

// hash stands for a secret text, which is not kept itself.
type hash [sha256.Size]byte

// memory is a cache of responses; the one that was used least recently is dropped first.
type memory[V any] struct {
	mu    sync.Mutex
	known *lru.Cache[hash, remembered[V]]
}

type remembered[V any] struct {
	value V
	at    time.Time // when it was true
}

func newMemory[V any](size int) *memory[V] {
	return &memory[V]{known: lru.New[hash, remembered[V]](size)}
}

// get returns what is remembered and since when.
func (m *memory[V]) get(key hash) (value V, at time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.known.Get(key)
	return r.value, r.at, ok
}

func (m *memory[V]) put(key hash, value V, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known.Put(key, remembered[V]{value, at})
}

func (m *memory[V]) forget(key hash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known.Delete(key)
}

func (m *memory[V]) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known.Len()
}

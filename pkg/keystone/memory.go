package keystone

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// hash stands for a text that is not to be kept.
type hash [sha256.Size]byte

// memory remembers answers, up to a number; the one that was not asked for the longest is forgotten
// first.
type memory[V any] struct {
	mu    sync.Mutex
	size  int
	order list.List // of *remembered[V], the last used in front
	byKey map[hash]*list.Element
}

type remembered[V any] struct {
	key   hash
	value V
	at    time.Time // when it was true
}

func newMemory[V any](size int) *memory[V] {
	return &memory[V]{size: size, byKey: map[hash]*list.Element{}}
}

// get returns what is remembered and since when.
func (m *memory[V]) get(key hash) (value V, at time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byKey[key]
	if !ok {
		return value, at, false
	}
	m.order.MoveToFront(e)
	r := e.Value.(*remembered[V])
	return r.value, r.at, true
}

func (m *memory[V]) put(key hash, value V, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.byKey[key]; ok {
		e.Value = &remembered[V]{key, value, at}
		m.order.MoveToFront(e)
		return
	}
	m.byKey[key] = m.order.PushFront(&remembered[V]{key, value, at})
	for m.order.Len() > m.size {
		m.drop(m.order.Back())
	}
}

func (m *memory[V]) forget(key hash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.byKey[key]; ok {
		m.drop(e)
	}
}

// drop wants the lock held.
func (m *memory[V]) drop(e *list.Element) {
	m.order.Remove(e)
	delete(m.byKey, e.Value.(*remembered[V]).key)
}

func (m *memory[V]) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.order.Len()
}

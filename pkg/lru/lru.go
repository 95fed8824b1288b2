// Package lru keeps the values that were used last within a bound and forgets the others.
package lru

import (
	"container/list"
	"iter"
)

// Cache holds values by key. Make it with New or NewWeighted. It is not safe for concurrent use:
// callers hold a lock of their own, which guards what else belongs to the values too.
type Cache[K comparable, V any] struct {
	limit  int64
	weight func(V) int64
	used   int64
	byKey  map[K]*list.Element
	order  *list.List // of *entry[K, V], the one used last in front
}

type entry[K comparable, V any] struct {
	key    K
	value  V
	weight int64
}

// New returns a cache of at most size values.
func New[K comparable, V any](size int) *Cache[K, V] {
	return NewWeighted[K](int64(size), func(V) int64 { return 1 })
}

// NewWeighted returns a cache of values whose weights are at most limit together. A value's weight
// must not change.
func NewWeighted[K comparable, V any](limit int64, weight func(V) int64) *Cache[K, V] {
	return &Cache[K, V]{limit: limit, weight: weight, byKey: map[K]*list.Element{}, order: list.New()}
}

// Get returns the value of a key, which counts as used now.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	at, ok := c.byKey[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(at)
	return at.Value.(*entry[K, V]).value, true
}

// Has reports whether there is a value of the key. That does not count as its use.
func (c *Cache[K, V]) Has(key K) bool { return c.byKey[key] != nil }

// Put keeps a value in the place of the key's own, and forgets those used longest ago that it
// leaves no room for. A value that is heavier than the whole limit is not kept.
func (c *Cache[K, V]) Put(key K, value V) {
	c.Delete(key)
	weight := c.weight(value)
	if weight > c.limit {
		return
	}
	c.byKey[key] = c.order.PushFront(&entry[K, V]{key, value, weight})
	c.used += weight
	for c.used > c.limit {
		c.remove(c.order.Back())
	}
}

// Delete forgets a key's value, if there is one.
func (c *Cache[K, V]) Delete(key K) {
	if at := c.byKey[key]; at != nil {
		c.remove(at)
	}
}

// Len returns the number of values.
func (c *Cache[K, V]) Len() int { return c.order.Len() }

// All returns the values, the one used last first. The loop may delete the key that it is at.
func (c *Cache[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		var next *list.Element
		for at := c.order.Front(); at != nil; at = next {
			next = at.Next()
			e := at.Value.(*entry[K, V])
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

func (c *Cache[K, V]) remove(at *list.Element) {
	e := c.order.Remove(at).(*entry[K, V])
	delete(c.byKey, e.key)
	c.used -= e.weight
}

package trigger

import (
	"encoding/json"
	"sync"

	"github.com/openstack-faas/faas/pkg/lru"
)

// maxCompiled bounds the texts whose compiled form is kept, of 8 KiB at most each.
const maxCompiled = 4096

// compiled keeps what texts of triggers were compiled to: the same few come again with each event.
type compiled[T any] struct {
	parse func(json.RawMessage) (T, error)

	mu    sync.Mutex
	known *lru.Cache[string, T]
}

func newCompiled[T any](parse func(json.RawMessage) (T, error)) *compiled[T] {
	return &compiled[T]{parse: parse, known: lru.New[string, T](maxCompiled)}
}

// of returns what the text is compiled to.
func (c *compiled[T]) of(text string) (T, error) {
	c.mu.Lock()
	value, ok := c.known.Get(text)
	c.mu.Unlock()
	if ok {
		return value, nil
	}
	value, err := c.parse(json.RawMessage(text)) // outside of the lock: two may do it at once
	if err != nil {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Put(text, value)
	return value, nil
}

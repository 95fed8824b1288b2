package keystone

import (
	"sync"
	"time"
)

// retryPause is how long no request is sent to Keystone after it failed.
const retryPause = time.Second

// circuit is a circuit breaker: while Keystone fails, one request a second is let through to try
// again.
type circuit struct {
	mu      sync.Mutex
	failing bool
	next    time.Time // when failing: no request before
	slow    time.Time // until then nobody who can do without an answer waits for one
}

// enter reports whether a request may be sent (allowed), and whether the last one succeeded
// (healthy).
func (c *circuit) enter(now time.Time) (healthy, allowed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.failing {
		return true, true
	}
	if now.Before(c.next) {
		return false, false
	}
	c.next = now.Add(retryPause)
	return false, true
}

// open reports whether a request would not be sent now.
func (c *circuit) open(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failing && now.Before(c.next)
}

// broken reports whether the last request failed.
func (c *circuit) broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failing
}

// failed opens the circuit for the pause, and reports whether Keystone had worked before.
func (c *circuit) failed(now time.Time, pause time.Duration) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first = !c.failing
	c.failing = true
	if next := now.Add(pause); next.After(c.next) {
		c.next = next
	}
	return first
}

// worked closes the circuit, and reports whether Keystone had failed before.
func (c *circuit) worked() (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first, c.failing = c.failing, false
	return first
}

// dragged notes that Keystone was too slow for callers that have an older answer.
func (c *circuit) dragged(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slow = now.Add(retryPause)
}

// drags reports whether Keystone was too slow a moment ago.
func (c *circuit) drags(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Before(c.slow)
}

package store

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// callCounts counts the executions that were recorded, by function, and adds them to the functions'
// rows now and then. Were they added in the transactions of the executions, the row of a function
// that everybody calls would be locked during each commit, and all processes would wait for each
// other. Counts that were not added yet are lost when the process is killed.
type callCounts struct {
	mu sync.Mutex
	n  map[string]int
}

// countEvery is the time after which the rows say how often functions were called.
const countEvery = time.Second

func (c *callCounts) add(function string, n int) {
	if function == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[function] += n
}

func (c *callCounts) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = nil
	return n
}

// run adds the counts to the rows until the context ends.
func (c *callCounts) run(ctx context.Context, r *recorder) {
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.flush(ctx, r)
		case <-ctx.Done():
			return
		}
	}
}

// flush adds the counts to the rows through the recorder, also when that refuses callers. Those of
// which it knows that they were not added stay. The rows are written in the order of their ids, so
// that no two processes wait for each other.
func (c *callCounts) flush(ctx context.Context, r *recorder) {
	timeout := time.NewTimer(r.timeout)
	defer timeout.Stop()
	n := c.take()
	handed := map[string]*operation{}
	for _, id := range slices.Sorted(maps.Keys(n)) {
		op := &operation{kept: true, final: true, answer: make(chan struct{}), change: change{
			`UPDATE functions SET call_count = call_count + ? WHERE id = ?`, []any{int64(n[id]), id},
		}}
		if err := r.hand(ctx, op, timeout.C); err != nil {
			c.add(id, n[id])
			continue
		}
		handed[id] = op
	}
	for id, op := range handed {
		select {
		case <-op.answer:
			if op.err != nil {
				c.add(id, n[id])
			}
		case <-ctx.Done(): // it is kept, and will be added
			return
		}
	}
}

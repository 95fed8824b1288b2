package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// callCounts counts the executions that were recorded, by function and version, and adds them to the functions'
// rows now and then. Were they added in the transactions of the executions, the row of a function
// that everybody calls would be locked during each commit, and all processes would wait for each
// other. Counts that were not added yet are lost when the process is killed.
type callCounts struct {
	mu sync.Mutex
	n  map[called]int
}

// called is what an execution ran: the live code of a function, or a version of it.
type called struct {
	function string
	version  int
}

// add returns the statement that adds so many executions to the row of what was called.
func (c called) add(n int) change {
	if c.version == 0 {
		return change{`UPDATE functions SET call_count = call_count + ? WHERE id = ?`, []any{int64(n), c.function}}
	}
	return change{`UPDATE function_versions SET call_count = call_count + ? WHERE function_id = ? AND version_number = ?`,
		[]any{int64(n), c.function, int64(c.version)}}
}

func compareCalled(a, b called) int {
	return cmp.Or(cmp.Compare(a.function, b.function), cmp.Compare(a.version, b.version))
}

// countEvery is the time after which the rows say how often functions were called.
const countEvery = time.Second

func (c *callCounts) add(what called, n int) {
	if what.function == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[called]int{}
	}
	c.n[what] += n
}

func (c *callCounts) take() map[called]int {
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
	handed := map[called]*operation{}
	for _, what := range slices.SortedFunc(maps.Keys(n), compareCalled) {
		op := &operation{kept: true, final: true, answer: make(chan struct{}), change: what.add(n[what])}
		if err := r.hand(ctx, op, timeout.C); err != nil {
			c.add(what, n[what])
			continue
		}
		handed[what] = op
	}
	for what, op := range handed {
		select {
		case <-op.answer:
			if op.err != nil {
				c.add(what, n[what])
			}
		case <-ctx.Done(): // it is kept, and will be added
			return
		}
	}
}

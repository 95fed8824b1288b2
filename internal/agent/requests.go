package agent

import (
	"context"
	"errors"
	"sync"
)

// errCancelled is the cause of the end of a request's context whose call was cancelled.
var errCancelled = errors.New("the call was cancelled")

// requests are the calls that a function's own server answers at the moment, by execution. Its zero
// value is ready to use.
type requests struct {
	mu   sync.Mutex
	ends map[string]context.CancelCauseFunc
}

// begin returns the context of a call's request. end is to be called after it.
func (q *requests) begin(executionID string) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ends == nil {
		q.ends = map[string]context.CancelCauseFunc{}
	}
	q.ends[executionID] = cancel
	return ctx, func() {
		cancel(nil)
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.ends, executionID)
	}
}

// cancel closes the connection on which the execution's call is answered, as its timeout would, and
// reports whether there is one. The server can notice that; it is not ended.
func (q *requests) cancel(executionID string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	cancel := q.ends[executionID]
	if cancel == nil {
		return false
	}
	cancel(errCancelled)
	return true
}

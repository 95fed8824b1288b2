package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// firstCancelPause is the pause before a worker is asked once more to end a call that it does
	// not know yet: the request for the call is on its way, or its process is starting.
	firstCancelPause = 5 * time.Millisecond
	lastCancelPause  = time.Second
)

// CancelCall has a worker end a call that it runs. RefusedError says that it does not run it.
func (c *Client) CancelCall(ctx context.Context, w faas.Worker, executionID string) error {
	body, err := json.Marshal(faas.Cancellation{ExecutionID: executionID})
	if err != nil {
		return fmt.Errorf("encode cancellation: %w", err)
	}
	return c.do(ctx, w, request{method: "POST", path: "/v1/cancel", head: body, timeout: 5 * time.Second}, nil)
}

// Cancel ends the call of an execution that waits or runs here; nothing when there is none.
func (d *Dispatcher) Cancel(executionID string) { d.underway.Cancel(executionID) }

// cancelling has the worker end the call when its life ends, until stop is called, which waits.
// Hardly any call is cancelled, so nothing is made for that before it is.
func (d *Dispatcher) cancelling(life context.Context, w faas.Worker, call faas.Call) (stop func()) {
	c := cancellation{}
	unused := context.AfterFunc(life, func() {
		if over := c.begin(); over != nil {
			defer close(c.ended)
			d.cancelOn(over, w, call)
		}
	})
	return func() {
		if !unused() {
			c.end()
		}
	}
}

// cancellation is the request that a worker end a call.
type cancellation struct {
	mu    sync.Mutex
	over  bool          // the call has ended
	stop  func()        // ends the request; nil before it has begun
	ended chan struct{} // closed when the request has ended
}

// begin returns the context of the request; nil when the call has ended.
func (c *cancellation) begin() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	over, stop := context.WithCancel(context.Background())
	c.stop, c.ended = stop, make(chan struct{})
	return over
}

// end says that the call has ended, and waits for the request.
func (c *cancellation) end() {
	c.mu.Lock()
	c.over = true
	stop := c.stop
	c.mu.Unlock()
	if stop != nil {
		stop()
		<-c.ended
	}
}

// cancelOn asks the worker to end the call until it does or the call is over.
func (d *Dispatcher) cancelOn(over context.Context, w faas.Worker, call faas.Call) {
	for pause := firstCancelPause; ; pause = min(2*pause, lastCancelPause) {
		err := d.cfg.Client.CancelCall(over, w, call.ExecutionID)
		var refused *RefusedError
		switch {
		case err == nil || over.Err() != nil:
			return
		case errors.As(err, &refused) && refused.Refused != faas.RefusedNotMine:
			d.cfg.Log.Warn("a worker cannot end a call that was cancelled; it runs until its timeout",
				"execution_id", call.ExecutionID, "function_id", call.Key.FunctionID, "worker", w.ID, "error", err)
			return
		}
		select {
		case <-over.Done():
			return
		case <-time.After(pause):
		}
	}
}

package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
func (d *Dispatcher) cancelling(life context.Context, w faas.Worker, call faas.Call) (stop func()) {
	over, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	unused := context.AfterFunc(life, func() {
		defer close(ended)
		d.cancelOn(over, w, call)
	})
	return func() {
		end()
		if !unused() {
			<-ended
		}
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

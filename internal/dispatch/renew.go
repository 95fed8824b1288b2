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
	// renewLead is how long before its token ends a call is sent the next, or a quarter of what
	// that has left, if less.
	renewLead = 2 * time.Minute
	// renewAgain is the pause after a failure.
	renewAgain = 5 * time.Second
)

// Credentials replaces the context of a call under way. RefusedError says that it is over.
func (c *Client) Credentials(ctx context.Context, w faas.Worker, given faas.Credentials) error {
	body, err := json.Marshal(given)
	if err != nil {
		return fmt.Errorf("encode credentials: %w", err)
	}
	return c.do(ctx, w, request{method: "POST", path: "/v1/credentials", head: body, timeout: 5 * time.Second}, nil)
}

// renewing keeps a call that runs for long in valid credentials until stop is called, which waits.
func (d *Dispatcher) renewing(w faas.Worker, call faas.Call) (stop func()) {
	if call.Renewal == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.renew(ctx, w, call)
	}()
	return func() {
		cancel()
		<-ended
	}
}

func (d *Dispatcher) renew(ctx context.Context, w faas.Worker, call faas.Call) {
	pause := untilRenewal(call.Renewal.Ends)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		fresh, ends, err := call.Renewal.Next(ctx)
		if err == nil {
			err = d.cfg.Client.Credentials(ctx, w, faas.Credentials{ExecutionID: call.ExecutionID, Context: fresh})
		}
		var refused *RefusedError
		switch {
		case ctx.Err() != nil || errors.As(err, &refused):
			return
		case err != nil:
			d.cfg.Log.Warn(
				"a call that runs for long could not be given a new token", "execution_id", call.ExecutionID,
				"function_id", call.Key.FunctionID, "error", err,
			)
			pause = renewAgain
		default:
			pause = untilRenewal(ends)
		}
	}
}

// untilRenewal returns how long a token is good for before the next is sent.
func untilRenewal(ends time.Time) time.Duration {
	left := time.Until(ends)
	return max(left-min(renewLead, left/4), time.Second)
}

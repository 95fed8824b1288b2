package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// The log of a call comes with its outcome, and is lost with the process that waits for that. So of
// a call that takes long, the log so far is kept now and then. The usual call is over before.
const (
	// firstReading is how long a call has run when its log is read first.
	firstReading = time.Second
	// A log is read again when a quarter of the time has passed that the call has run, and each
	// lastReading at least.
	lastReading = 10 * time.Second
	// keptLog is how many bytes of a log are kept: the first and the last.
	keptLog = 16 << 10
)

const logPath = "/v1/log"

// Log returns what a call under way has printed so far. RefusedError says that it is over, or that
// the worker is of a release that cannot say.
func (c *Client) Log(ctx context.Context, w faas.Worker, q faas.LogQuery) (faas.LogSoFar, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return faas.LogSoFar{}, fmt.Errorf("encode question: %w", err)
	}
	var so faas.LogSoFar
	err = c.do(ctx, w, request{method: "POST", path: logPath, head: body, timeout: 5 * time.Second}, &so)
	return so, err
}

// readingLog has what the call prints kept, from when it has run for long until stop is called,
// which waits. stop returns what was read last, and whether anything may be kept.
func (d *Dispatcher) readingLog(w faas.Worker, call faas.Call) (stop func() (log string, kept bool)) {
	if call.KeepLog == nil {
		return func() (string, bool) { return "", false }
	}
	ctx, cancel := context.WithCancel(context.Background())
	var last string
	ended := make(chan struct{})
	begins := time.AfterFunc(firstReading, func() {
		defer close(ended)
		last = d.readLog(ctx, w, call)
	})
	return func() (string, bool) {
		cancel()
		if !begins.Stop() {
			<-ended
		}
		return last, last != ""
	}
}

func (d *Dispatcher) readLog(ctx context.Context, w faas.Worker, call faas.Call) (last string) {
	q := faas.LogQuery{ExecutionID: call.ExecutionID, Most: keptLog}
	for ran := firstReading; ; {
		so, err := d.cfg.Client.Log(ctx, w, q)
		if err == nil && so.Printed != q.Seen {
			last = so.Log
			err = call.KeepLog(ctx, so.Log)
		}
		var refused *RefusedError
		switch {
		case ctx.Err() != nil, errors.As(err, &refused):
			return last
		case err == nil:
			q.Seen = so.Printed
		}
		pause := min(max(ran/4, firstReading), lastReading)
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
			ran += pause
		}
	}
}

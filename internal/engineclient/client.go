// Package engineclient is how the rest of the service asks engines: for workers, for calls in
// containers, for the state of a pool. It also hears from engines which workers ended. Requests and
// news travel through the broker.
package engineclient

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
)

// tellTimeout bounds how long it may take to tell the engines of a change that is recorded already,
// or to ask them for a pool's state.
const tellTimeout = 5 * time.Second

// Client asks engines. It is safe for concurrent use and keeps no state.
type Client struct {
	broker broker.Broker
	shards faas.Sharding
}

// New returns a client that reaches engines through the broker. The functions are divided into so
// many shards.
func New(b broker.Broker, shards faas.Sharding) *Client { return &Client{broker: b, shards: shards} }

// Acquire asks the engine that owns the function's shard for one more worker. An error of kind
// faas.Busy or faas.Unavailable may pass.
func (c *Client) Acquire(ctx context.Context, req faas.AcquireRequest) (faas.Worker, error) {
	var w faas.Worker
	err := c.broker.Call(ctx, req.Method(c.shards), req, &w)
	return w, err
}

// Pool returns the state of a runtime's pool. The kind of the error is faas.Unavailable when no
// engine answers.
func (c *Client) Pool(ctx context.Context, runtimeID string) (faas.Pool, error) {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	var pool faas.Pool
	err := c.broker.Call(ctx, faas.MethodPool, faas.RuntimeRequest{RuntimeID: runtimeID}, &pool)
	var known *faas.Error
	if err != nil && !errors.As(err, &known) {
		err = faas.Errorf(faas.Unavailable, "No engine answers for the pool of runtime %s; try again later.", runtimeID).
			WithCause(err)
	}
	return pool, err
}

// RuntimeChanged has an engine bring the runtime's pool to what its row says, or to nothing when it
// has no row. It goes on when ctx ends, for the change is recorded.
func (c *Client) RuntimeChanged(ctx context.Context, runtimeID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	body, _ := json.Marshal(faas.RuntimeRequest{RuntimeID: runtimeID}) // a string: cannot fail
	return c.broker.Enqueue(ctx, faas.QueueRuntimes, body)
}

// FunctionChanged tells everyone that a function has a new revision or is deleted, so that workers
// of older revisions end soon. Those that nobody tells are never called again and end when they
// have been idle long enough, so an error costs memory and nothing else. It goes on when ctx ends.
func (c *Client) FunctionChanged(ctx context.Context, change faas.FunctionChanged) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	body, _ := json.Marshal(change) // strings and numbers: cannot fail
	return c.broker.Broadcast(ctx, faas.TopicFunction, body)
}

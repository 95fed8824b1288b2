// Package engineclient is the client of engines for the rest of the service. It acquires workers,
// runs calls in containers, reads the state of pools, announces changes, and follows which workers
// ended. All of that goes through the broker.
package engineclient

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
)

// requestTimeout bounds announcing a change that is recorded already, and reading a pool's state.
const requestTimeout = 5 * time.Second

// Client sends requests to engines. It is safe for concurrent use and keeps no state.
type Client struct {
	broker broker.Broker
	shards faas.Sharding
}

// New returns a client that reaches engines through the broker. shards says which shard a function
// belongs to.
func New(b broker.Broker, shards faas.Sharding) *Client { return &Client{broker: b, shards: shards} }

// Acquire requests one more worker from the engine that owns the function's shard. Errors of kind
// faas.Busy and faas.Unavailable are temporary.
func (c *Client) Acquire(ctx context.Context, req faas.AcquireRequest) (faas.Worker, error) {
	var w faas.Worker
	err := c.broker.Call(ctx, req.Method(c.shards), req, &w)
	return w, err
}

// Pool returns the state of a runtime's pool. The kind of the error is faas.Unavailable when no
// engine answers.
func (c *Client) Pool(ctx context.Context, runtimeID string) (faas.Pool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var pool faas.Pool
	err := c.broker.Call(ctx, faas.MethodPool, faas.RuntimeRequest{RuntimeID: runtimeID}, &pool)
	var known *faas.Error
	if err != nil && !errors.As(err, &known) {
		err = faas.Errorf(faas.Unavailable, "No engine answered for the pool of runtime %s; try again later.", runtimeID).
			WithCause(err)
	}
	return pool, err
}

// Workers has the engine that owns the function's shard see to the function's workers. The kind of
// the error is faas.Unavailable when no engine answers.
func (c *Client) Workers(ctx context.Context, req faas.WorkersRequest) ([]faas.Worker, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var answer faas.WorkersAnswer
	err := c.broker.Call(ctx, req.Method(c.shards), req, &answer)
	var known *faas.Error
	if err != nil && !errors.As(err, &known) {
		err = faas.Errorf(faas.Unavailable, "No engine answered for the workers of function %s; try again later.",
			req.FunctionID).WithCause(err)
	}
	return answer.Workers, err
}

// RuntimeChanged queues a message that has an engine bring the runtime's pool to the state of its
// row, or delete it when there is no row. It goes on when ctx ends, because the change is recorded.
func (c *Client) RuntimeChanged(ctx context.Context, runtimeID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	body, _ := json.Marshal(faas.RuntimeRequest{RuntimeID: runtimeID}) // a string: cannot fail
	return c.broker.Enqueue(ctx, faas.QueueRuntimes, body)
}

// FunctionChanged broadcasts that a function has a new revision or is deleted, so that workers of
// older revisions end soon. When the broadcast is lost they are not called again either, and end
// once they have been idle for long enough: an error costs memory and nothing else. FunctionChanged
// goes on when ctx ends.
func (c *Client) FunctionChanged(ctx context.Context, change faas.FunctionChanged) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	body, _ := json.Marshal(change) // strings and numbers: cannot fail
	return c.broker.Broadcast(ctx, faas.TopicFunction, body)
}

// FunctionMade has the owner of a runtime's pool know that a function was made for it, or has new
// code: such a function is about to be called. An error costs that call time and nothing else.
func (c *Client) FunctionMade(ctx context.Context, runtimeID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	body, _ := json.Marshal(faas.WorkersAwaited{RuntimeID: runtimeID, Made: 1}) // cannot fail
	return c.broker.Broadcast(ctx, faas.TopicWorkersAwaited(c.shards.Of(runtimeID)), body)
}

// announceTimeout bounds how long somebody waits for the announcement of work, who has recorded it
// and is done.
const announceTimeout = time.Second

// WorkAdded has the owner look for the work of that ref which was added, unless it is due so late
// that the owner finds it in time by itself. An error costs as much delay and nothing else.
func (c *Client) WorkAdded(ctx context.Context, ref string, in time.Duration) error {
	if in >= faas.WorkLook {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	body, _ := json.Marshal(faas.WorkAdded{Ref: ref}) // a string: cannot fail
	return c.broker.Broadcast(ctx, faas.TopicWorkAdded, body)
}

// TriggerChanged has engines that remember the trigger read it again. An error costs delay: they
// read all of them from time to time.
func (c *Client) TriggerChanged(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	body, _ := json.Marshal(faas.TriggerChanged{ID: id}) // a string: cannot fail
	return c.broker.Broadcast(ctx, faas.TopicTrigger, body)
}

// Cancelled broadcasts that an execution was cancelled, so that whoever runs its call ends that.
// When the broadcast is lost the call runs until its timeout: an error costs time and nothing else.
// Cancelled goes on when ctx ends, because the cancellation is recorded.
func (c *Client) Cancelled(ctx context.Context, executionID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	body, _ := json.Marshal(faas.Cancellation{ExecutionID: executionID}) // a string: cannot fail
	return c.broker.Broadcast(ctx, faas.TopicCancelled, body)
}

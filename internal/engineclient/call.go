package engineclient

import (
	"context"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// containerGrace is how much longer than waiting, starting and the timeout together an engine may
// take for a call in a container: it reads the container's log.
const containerGrace = 30 * time.Second

// Caller runs calls. It sends those for workers to a worker itself, and has an engine run those
// that need a container of their own. It is safe for concurrent use.
type Caller struct {
	client *Client
	wait   time.Duration
	call   dispatch.Call
}

// NewCaller returns a caller. workers runs a call on a worker; wait is how long a call may wait for
// a worker or for a container.
func NewCaller(client *Client, workers dispatch.Call, wait time.Duration) *Caller {
	c := &Caller{client: client, wait: wait}
	c.call = dispatch.ByProtocol(workers, c.inContainer)
	return c
}

// Call runs the call on a worker or in a container, by the target's protocol. begin is called just
// before the call is sent, for the first time and the last.
func (c *Caller) Call(
	ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin,
) (faas.Outcome, error) {
	return c.call(ctx, target, call, begin)
}

// Wait returns how long a call waits for a worker, or for a container, at most.
func (c *Caller) Wait() time.Duration { return c.wait }

// Longest returns how long Call may take for a function with this timeout, waiting included. A
// lease that lasts as long covers it.
func (c *Caller) Longest(protocol faas.Protocol, timeout time.Duration) time.Duration {
	if protocol == faas.ProtocolRun {
		return c.wait + faas.ImageStart + timeout + containerGrace
	}
	return c.wait + faas.LoadTimeout + timeout
}

// inContainer has an engine run the call. The call is recorded as begun before the request is sent:
// a request that an engine took cannot be repeated, so that after it every error but
// broker.ErrNotTaken leaves open whether the function ran.
func (c *Caller) inContainer(
	ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin,
) (faas.Outcome, error) {
	if err := begin(ctx); err != nil {
		return faas.Outcome{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Longest(target.Protocol, call.Timeout))
	defer cancel()
	var answer faas.RunImageAnswer
	request := faas.RunImageRequest{Target: target, Call: call}
	err := c.client.broker.Call(ctx, faas.MethodRunImage, request, &answer)
	switch {
	case err == nil && answer.Outcome != nil:
		return *answer.Outcome, nil
	case err == nil:
		refused := &faas.Error{Kind: answer.Refused, Message: answer.Message, RetryAfter: answer.RetryAfter}
		return faas.Outcome{}, refused
	case errors.Is(err, broker.ErrNotTaken), errors.Is(err, broker.ErrClosed):
		return faas.Outcome{}, faas.Errorf(faas.Unavailable,
			"No engine is available to run the function's container; the function has not run. Try again later.").WithCause(err)
	case faas.KindOf(err) == faas.Unavailable:
		return faas.Outcome{}, faas.Errorf(faas.Internal,
			"The engine that was to run the function's container did not answer; the function may have run.").WithCause(err)
	}
	return faas.Outcome{}, err
}

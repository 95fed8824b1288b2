package service

import (
	"context"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/api"
	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// caller runs each call where its target's code runs: in a container of its own, by an engine, or on a worker. wait is how long a call may wait
// for a place.
func (p Parts) caller(workers *dispatch.Dispatcher, wait time.Duration) api.Call {
	return func(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		if target.Protocol == faas.ProtocolRun {
			return p.runImage(ctx, target, call, begin, wait)
		}
		return workers.Call(ctx, target, call, begin)
	}
}

// runImageGrace is how much longer than waiting, starting and the timeout together an engine may take: it reads the container's log.
const runImageGrace = 30 * time.Second

// runImage has an engine run the call. It is recorded as begun before an engine is asked, for none can be asked twice.
func (p Parts) runImage(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin, wait time.Duration) (faas.Outcome, error) {
	if err := begin(ctx); err != nil {
		return faas.Outcome{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait+faas.ImageStart+call.Timeout+runImageGrace)
	defer cancel()
	var answer faas.RunImageAnswer
	err := p.Broker.Call(ctx, faas.MethodRunImage, faas.RunImageRequest{Target: target, Call: call}, &answer)
	switch {
	case err == nil && answer.Outcome != nil:
		return *answer.Outcome, nil
	case err == nil:
		return faas.Outcome{}, &faas.Error{Kind: answer.Refused, Message: answer.Message, RetryAfter: answer.RetryAfter}
	case errors.Is(err, broker.ErrNotTaken), errors.Is(err, broker.ErrClosed):
		return faas.Outcome{}, faas.Errorf(faas.Unavailable, "No engine could be asked to run the function's container.").WithCause(err)
	case faas.KindOf(err) == faas.Unavailable:
		return faas.Outcome{}, faas.Errorf(faas.Internal, "The engine that was to run the function's container did not answer; the function may have run.").WithCause(err)
	}
	return faas.Outcome{}, err
}

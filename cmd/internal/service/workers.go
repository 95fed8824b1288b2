package service

import (
	"context"
	"encoding/json"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// acquire asks the engine that owns the function's shard for one more worker.
func (p Parts) acquire(ctx context.Context, req faas.AcquireRequest) (faas.Worker, error) {
	var w faas.Worker
	err := p.Broker.Call(ctx, req.Method(), req, &w)
	return w, err
}

// forgetWorkers has the dispatcher hear of workers that ended and of functions that changed.
func (p Parts) forgetWorkers(ctx context.Context, calls *dispatch.Dispatcher) (stop func(), err error) {
	ctx = context.WithoutCancel(ctx) // while requests under way end, too
	gone, err := p.Broker.Subscribe(ctx, faas.TopicWorkersGone, func(body []byte) {
		var news faas.WorkersGone
		if json.Unmarshal(body, &news) == nil {
			for _, id := range news.IDs {
				calls.Forget(id)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	changed, err := p.Broker.Subscribe(ctx, faas.TopicFunction, func(body []byte) {
		var news faas.FunctionChanged
		if json.Unmarshal(body, &news) == nil {
			calls.ForgetFunction(news.FunctionID, news.Revision)
		}
	})
	if err != nil {
		gone()
		return nil, err
	}
	return func() { gone(); changed() }, nil
}

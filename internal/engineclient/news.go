package engineclient

import (
	"context"
	"encoding/json"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// Follow makes the dispatcher forget workers that ended and older revisions of functions, and end
// calls that were cancelled, until stop is called. It goes on when ctx ends, because requests under
// way are still served then.
func (c *Client) Follow(ctx context.Context, workers *dispatch.Dispatcher) (stop func(), err error) {
	ctx = context.WithoutCancel(ctx)
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	for topic, hear := range map[string]func(body []byte){
		faas.TopicWorkersGone: heard(func(news faas.WorkersGone) {
			for _, id := range news.IDs {
				workers.Forget(id)
			}
		}),
		faas.TopicFunction:  heard(workers.FunctionChanged),
		faas.TopicCancelled: heard(func(news faas.Cancellation) { workers.Cancel(news.ExecutionID) }),
	} {
		end, err := c.broker.Subscribe(ctx, topic, hear)
		if err != nil {
			stop()
			return nil, err
		}
		stops = append(stops, end)
	}
	return stop, nil
}

// heard returns what takes the messages of a topic and passes over those that are malformed.
func heard[T any](hear func(T)) func(body []byte) {
	return func(body []byte) {
		var news T
		if json.Unmarshal(body, &news) == nil {
			hear(news)
		}
	}
}

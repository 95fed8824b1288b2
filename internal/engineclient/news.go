package engineclient

import (
	"context"
	"encoding/json"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// Follow makes the dispatcher forget workers that ended and older revisions of functions, until
// stop is called. It goes on when ctx ends, because requests under way are still served then.
func (c *Client) Follow(ctx context.Context, workers *dispatch.Dispatcher) (stop func(), err error) {
	ctx = context.WithoutCancel(ctx)
	stopGone, err := c.broker.Subscribe(ctx, faas.TopicWorkersGone, func(body []byte) {
		var news faas.WorkersGone
		if json.Unmarshal(body, &news) == nil {
			for _, id := range news.IDs {
				workers.Forget(id)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	stopChanged, err := c.broker.Subscribe(ctx, faas.TopicFunction, func(body []byte) {
		var news faas.FunctionChanged
		if json.Unmarshal(body, &news) == nil {
			workers.FunctionChanged(news)
		}
	})
	if err != nil {
		stopGone()
		return nil, err
	}
	return func() { stopGone(); stopChanged() }, nil
}

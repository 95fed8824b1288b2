package engineclient

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// AcquireConnecting returns Acquire with a connection to the worker that is there when it returns,
// if all goes well: an engine says which generic worker it takes before it makes that the
// function's own, and to connect by TLS takes half as long.
func (c *Client) AcquireConnecting(workers *dispatch.Client) dispatch.Acquire {
	return func(ctx context.Context, req faas.AcquireRequest) (faas.Worker, error) {
		a := &advance{ctx: context.WithoutCancel(ctx), client: workers}
		w, err := c.Acquire(broker.Hearing(ctx, a.hear), req)
		a.end(w)
		return w, err
	}
}

// advance connects to workers of which an engine says that it takes them for a request.
type advance struct {
	ctx    context.Context
	client *dispatch.Client

	mu         sync.Mutex
	over       bool
	workers    []faas.Worker
	connecting sync.WaitGroup
}

// hear takes a hint, of a generic worker.
func (a *advance) hear(hint json.RawMessage) {
	var w faas.Worker
	if json.Unmarshal(hint, &w) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return
	}
	a.workers = append(a.workers, w)
	// Where that fails, the call finds out by itself.
	a.connecting.Go(func() { _ = a.client.Connect(a.ctx, w) })
}

// end leaves no connection to a worker that the request did not get: nobody would close it when the
// worker is gone.
func (a *advance) end(got faas.Worker) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	for _, w := range a.workers {
		if w.ID != got.ID {
			go func() {
				a.connecting.Wait()
				a.client.Forget(w)
			}()
		}
	}
}

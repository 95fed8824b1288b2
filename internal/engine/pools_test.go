package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/orchestrator/local"
)

// full is an orchestrator that cannot set pools at times.
type full struct {
	*local.Orchestrator
	is atomic.Bool
}

func (o *full) SetPool(ctx context.Context, p orchestrator.Pool) error {
	if o.is.Load() {
		return errors.New("no room")
	}
	return o.Orchestrator.SetPool(ctx, p)
}

// TestPoolThatCannotBeSetAgain takes a runtime over while the cluster is full: it stays as it is, and one in error is tried again.
func TestPoolThatCannotBeSetAgain(t *testing.T) {
	r := newRig(t, nil)
	o := &full{Orchestrator: r.workers}
	r.engine = New(Config{
		Name: "engine-1", Store: r.store, Broker: r.connect(), Code: r.code, Orchestrator: o, Limits: r.limits, Log: slog.New(slog.DiscardHandler),
	})
	r.run()
	status := func(status faas.RuntimeStatus) faas.Runtime {
		t.Helper()
		rt, err := r.store.Runtime(t.Context(), faas.AnyProject(), r.runtime)
		if r.must(err); rt.Status != status {
			t.Fatalf("the runtime is %s", rt.Status)
		}
		return rt
	}
	o.is.Store(true)
	r.must(r.engine.setPool(t.Context(), status(faas.RuntimeAvailable)))
	status(faas.RuntimeAvailable)

	r.must(r.store.SetRuntimeStatus(t.Context(), r.runtime, faas.RuntimeCreating, ""))
	r.must(r.engine.setPool(t.Context(), status(faas.RuntimeCreating)))
	status(faas.RuntimeError)
	o.is.Store(false)
	r.await("the engine owns the runtime's shard", func() bool { return r.engine.shards.owns(r.runtime) })
	r.engine.retryPools(t.Context())
	r.await("the runtime is available again", func() bool {
		rt, err := r.store.Runtime(t.Context(), faas.AnyProject(), r.runtime)
		r.must(err)
		return rt.Status == faas.RuntimeAvailable
	})
}

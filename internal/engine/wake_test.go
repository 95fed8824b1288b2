package engine

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// away is a broker that takes no messages at times: senders wait.
type away struct {
	broker.Broker
	is   atomic.Bool
	sent atomic.Int32
}

func (b *away) Enqueue(ctx context.Context, queue string, body []byte) error {
	if b.sent.Add(1); b.is.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return b.Broker.Enqueue(ctx, queue, body)
}

func (b *away) Broadcast(ctx context.Context, topic string, body []byte) error {
	if b.is.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return b.Broker.Broadcast(ctx, topic, body)
}

// withBroker starts the rig's engine with a broker of its own.
func (r *rig) withBroker(b broker.Broker) {
	r.connect = func() broker.Broker { return b }
	r.engine = r.another("engine-1")
}

// TestSettlesWhileTheBrokerIsAway has a queued row whose message is lost, which nobody can publish.
func TestSettlesWhileTheBrokerIsAway(t *testing.T) {
	r := newRig(t, nil)
	b := &away{Broker: r.broker}
	b.is.Store(true)
	r.withBroker(b)
	f := r.function(echo)
	queued, dead := r.record(f, ""), r.record(f, "")
	if _, won, err := r.store.Claim(t.Context(), dead, "a dead engine", -time.Second); err != nil || !won {
		t.Fatal(won, err)
	}
	r.run()
	r.await("somebody waits for the broker", func() bool { return b.sent.Load() > 0 })
	if x := r.ended(dead); x.Status != faas.ExecutionError {
		t.Errorf("got %+v", x)
	}
	b.is.Store(false)
	r.await("it is published again", func() bool { // once the attempt that waits for the broker has failed
		_, err := r.store.RetryDue(t.Context(), store.LostMessage, "*")
		r.must(err)
		r.engine.due.Wake()
		x, err := r.store.Execution(t.Context(), faas.AnyProject(), queued)
		r.must(err)
		return x.Status != faas.ExecutionQueued
	})
	if x := r.ended(queued); x.Status != faas.ExecutionSuccess {
		t.Errorf("got %+v", x)
	}
}

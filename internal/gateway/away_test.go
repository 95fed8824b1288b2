package gateway

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tunnel"
)

// dispatcher returns a dispatcher whose only worker is where address says when it is asked for.
func (w *world) dispatcher(wait time.Duration, address func() string, asked *atomic.Int64) *dispatch.Dispatcher {
	w.Helper()
	d := dispatch.New(dispatch.Config{
		Client: w.client(), Wait: wait, PerProject: 10, Log: slog.New(slog.DiscardHandler),
		Acquire: func(_ context.Context, req faas.AcquireRequest) (faas.Worker, error) {
			asked.Add(1)
			if len(req.Silent) > 0 {
				w.Errorf("workers %v are taken for dead", req.Silent)
			}
			return faas.Worker{ID: "worker-1", Key: req.Target.Key, Slots: 3, Ready: true, Address: address()}, nil
		},
	})
	w.Cleanup(d.Close)
	return d
}

// A call whose gateway is away is sent when there is one again, wherever that is.
func TestCallsWaitForAGateway(t *testing.T) {
	w := newWorld(t)
	w.agent("worker-1", echo)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	gone.Close()
	var at atomic.Pointer[string]
	set := func(gateway string) {
		address := tunnel.Target{Gateways: []string{gateway}, WorkerID: "worker-1"}.Address()
		at.Store(&address)
	}
	set(gone.Addr().String())
	var asked atomic.Int64
	d := w.dispatcher(hangTimeout, func() string {
		if asked.Load() == 3 { // two calls of it have failed
			gateway, _ := w.gateway()
			set(gateway)
		}
		return *at.Load()
	}, &asked)
	begun := 0
	target := faas.Target{Key: faas.Key{FunctionID: "f"}, ProjectID: "p"}
	_, err = d.Call(t.Context(), target, aCall("x"), func(context.Context) error { begun++; return nil })
	if err != nil || begun != 1 {
		t.Errorf("a call that could be sent at last: %v, begun %d times", err, begun)
	}
}

// A call that waits in vain says what for.
func TestCallsWithoutAGateway(t *testing.T) {
	w := newWorld(t)
	address := tunnel.Target{WorkerID: "worker-1"}.Address()
	var asked atomic.Int64
	d := w.dispatcher(300*time.Millisecond, func() string { return address }, &asked)
	target := faas.Target{Key: faas.Key{FunctionID: "f"}, ProjectID: "p"}
	_, err := d.Call(t.Context(), target, aCall("x"), func(context.Context) error { return nil })
	if faas.KindOf(err) != faas.Unavailable || !dispatch.GatewayAway(err) {
		t.Errorf("without any gateway: %v", err)
	}
}

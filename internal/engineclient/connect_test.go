package engineclient

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"testing"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// TestConnectsInAdvance has an engine that takes two workers for a request, the first in vain. Both
// are connected to before it answers, and the connection to the first ends.
func TestConnectsInAdvance(t *testing.T) {
	b := broker.NewInProcess()
	defer b.Close()
	accepted, ended := make(chan string), make(chan string)
	first, second := agent(t, "first", accepted, ended), agent(t, "second", accepted, ended)
	req := faas.AcquireRequest{Target: faas.Target{Key: faas.Key{FunctionID: "f"}}}
	takes := func(ctx context.Context, _ json.RawMessage) (any, error) {
		for _, w := range []faas.Worker{first, second} {
			broker.Hint(ctx, w)
			if got := <-accepted; got != w.ID {
				t.Errorf("%s is connected to, want %s", got, w.ID)
			}
		}
		return second, nil
	}
	stop, err := b.Serve(t.Context(), req.Method(1), 1, takes)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	workers := dispatch.NewClient(func(string) string { return "" })
	w, err := New(b, 1).AcquireConnecting(workers)(t.Context(), req)
	if err != nil || w.ID != second.ID {
		t.Fatalf("got %q, %v", w.ID, err)
	}
	if got := <-ended; got != first.ID {
		t.Errorf("the connection to %s has ended, want the first's", got)
	}
	workers.Close()
	if got := <-ended; got != second.ID {
		t.Errorf("the connection to %s has ended, want the second's", got)
	}
}

// agent returns a worker whose agent only accepts one connection. It names itself then, and when
// that ends.
func agent(t *testing.T, id string, accepted, ended chan<- string) faas.Worker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		accepted <- id
		_, _ = io.Copy(io.Discard, conn)
		ended <- id
	}()
	return faas.Worker{ID: id, Address: "tcp:" + listener.Addr().String(), TLS: faas.TLSNever}
}

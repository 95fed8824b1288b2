package placement

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// TestConnect has two workers ready, of which one is connected to, once; the other is when the
// first is taken, whose connection ends.
func TestConnect(t *testing.T) {
	client, log := dispatch.NewClient(func(string) string { return "" }), slog.New(slog.DiscardHandler)
	defer client.Close()
	workers := fleet.New(fleet.Config{
		Name: "e", Client: client, Group: background.New(t.Context()), Now: time.Now, Log: log,
	})
	p := New(Config{Client: client, Fleet: workers, Log: log})
	accepted, ended := make(chan string, 9), make(chan string, 9)
	for _, id := range []string{"a", "b"} {
		workers.Apply([]orchestrator.Change{{Worker: faas.Worker{
			ID: id, RuntimeID: "r", Address: accepts(t, id, accepted, ended), TLS: faas.TLSNever,
			Slots: 1, Ready: true,
		}}})
	}
	workers.Apply([]orchestrator.Change{{Worker: faas.Worker{
		ID: "silent", RuntimeID: "another", Address: "tcp:127.0.0.1:1", TLS: faas.TLSNever,
		Slots: 1, Ready: true,
	}}})
	p.Connect(t.Context())
	p.Connect(t.Context())
	first, _ := workers.Index.Free("r")
	if got := <-accepted; got != first.ID || len(accepted) != 0 {
		t.Fatalf("%s is connected to, want %s alone", got, first.ID)
	}
	if !workers.Reserve(first.ID, faas.Target{}) {
		t.Fatal("it is not free")
	}
	p.Connect(t.Context())
	if got := <-accepted; got == first.ID {
		t.Errorf("%s is connected to, which is taken", got)
	}
	if got := <-ended; got != first.ID {
		t.Errorf("the connection to %s has ended", got)
	}
}

// accepts returns the address of an agent that only accepts connections. It names itself then, and
// when one ends.
func accepts(t *testing.T, id string, accepted, ended chan<- string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted <- id
			go func() {
				_, _ = io.Copy(io.Discard, conn)
				conn.Close()
				ended <- id
			}()
		}
	}()
	return "tcp:" + listener.Addr().String()
}

package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/internal/workertls"
)

// wire is what passes between a gateway and a worker's agent, as who listens there has it.
type wire struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

// tapped is a listener, of an agent, whose connections are listened to.
type tapped struct {
	net.Listener
	wire     *wire
	identity *workertls.Identity // nil: the agent speaks no TLS
	plain    bool                // it takes callers without TLS, too
}

type tappedConn struct {
	net.Conn
	wire *wire
}

func (c tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wire.add(p[:n])
	return n, err
}

func (w *wire) add(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.Write(p)
}

func (w *wire) shows(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.seen.Bytes(), []byte(text))
}

func (l tapped) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	heard := tappedConn{conn, l.wire}
	switch {
	case l.identity == nil:
		return heard, nil
	case !l.plain:
		return l.identity.Server(heard), nil
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(heard, first); err != nil {
		return heard, nil //nolint:nilerr // the server sees it
	}
	begun := begunConn{heard, io.MultiReader(bytes.NewReader(first), heard)}
	if first[0] == 0x16 {
		return l.identity.Server(begun), nil
	}
	return begun, nil
}

type begunConn struct {
	net.Conn
	in io.Reader
}

func (c begunConn) Read(p []byte) (int, error) { return c.in.Read(p) }

// shownToken is what the tests' agents show of themselves.
const shownToken = "a token of the pod's"

// tlsAgent starts an agent that speaks TLS as those of workers do.
func (w *world) tlsAgent(id string, identity *workertls.Identity, plain bool, call http.HandlerFunc) *wire {
	w.Helper()
	checker, err := faas.NewTokenChecker(w.key.Public(), id)
	w.must(err)
	introduced := func(r *http.Request) bool {
		return r.TLS != nil && workertls.Proven(checker, *r.TLS, r.Header.Get("Authorization"))
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/healthz":
			if identity != nil {
				rw.Header().Set(workertls.Header, "1")
			}
		case r.URL.Path == workertls.IdentityPath && introduced(r):
			_, _ = io.WriteString(rw, `{"token":"`+shownToken+`"}`)
		case r.URL.Path == workertls.CertificatePath && introduced(r):
			der, err := io.ReadAll(r.Body)
			w.check(err)
			w.check(identity.Take(der))
			_, _ = io.WriteString(rw, "{}")
		case r.Header.Get("Authorization") == "Bearer "+w.key.Token(id):
			call(rw, r)
		default:
			rw.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(rw, `{"refused":"`+faas.RefusedToken+`"}`)
		}
	}))
	heard := &wire{}
	server.Listener = tapped{server.Listener, heard, identity, plain}
	server.Start()
	w.Cleanup(server.Close)
	w.workers.Store(id, server.Listener.Addr().String())
	return heard
}

func (w *world) check(err error) {
	if err != nil {
		w.Error(err)
	}
}

func (w *world) identity() *workertls.Identity {
	w.Helper()
	identity, err := workertls.NewIdentity()
	w.must(err)
	return identity
}

// engine is a client that gives workers their certificates, where what they show is right.
func (w *world) engine(right string) *dispatch.Client {
	return w.secure(w.client(), func(_ context.Context, _, shown string) error {
		if shown != right {
			return errors.New("that is another pod's")
		}
		return nil
	})
}

func (w *world) secure(c *dispatch.Client, vouch workertls.Vouch) *dispatch.Client {
	w.Helper()
	authority, err := workertls.NewAuthority(w.key)
	w.must(err)
	c.Secure(authority, vouch)
	return c
}

func behindGateways(id string, speaks faas.TLS, gateways ...string) faas.Worker {
	return faas.Worker{
		ID: id, Slots: 3, TLS: speaks, Address: tunnel.Target{Gateways: gateways, WorkerID: id}.Address(),
	}
}

// Between gateway and worker nobody can read, and nobody can be the worker.
func TestWorkersAreSpokenToByTLS(t *testing.T) {
	for _, speaks := range []faas.TLS{faas.TLSRequired, faas.TLSAccepted} {
		t.Run(string(speaks), func(t *testing.T) {
			w := newWorld(t)
			at, _ := w.gateway()
			identity := w.identity()
			heard := w.tlsAgent("worker-1", identity, speaks == faas.TLSAccepted, echo)
			worker := behindGateways("worker-1", speaks, at)
			api := w.secure(w.client(), nil)
			if speaks == faas.TLSRequired {
				_, err := api.Call(t.Context(), worker, aCall("before"))
				var unreachable *dispatch.UnreachableError
				if !errors.As(err, &unreachable) || dispatch.GatewayAway(err) {
					t.Errorf("a worker that nobody has introduced is called: %v", err)
				}
			}
			engine := w.engine(shownToken)
			w.must(engine.Certify(t.Context(), worker))
			for _, client := range []*dispatch.Client{api, engine, api} {
				call := aCall("a secret" + strings.Repeat("x", 50_000))
				out, err := client.Call(t.Context(), worker, call)
				if err != nil || !bytes.Equal(out.Output, call.Input) {
					t.Fatalf("%v: %d bytes came back", err, len(out.Output))
				}
			}
			for _, secret := range []string{"a secret", "Bearer ", shownToken} {
				if heard.shows(secret) {
					t.Errorf("%q can be read on the way to the worker", secret)
				}
			}
			// Somebody else takes the worker's place.
			w.tlsAgent("worker-1", w.identity(), true, echo)
			api.Forget(worker)
			_, err := api.Call(t.Context(), worker, aCall(""))
			if err == nil || !strings.Contains(err.Error(), "not worker worker-1") {
				t.Errorf("one that is not the worker is called: %v", err)
			}
			engine.Forget(worker)
			if _, err := w.engine("what the worker showed").Status(t.Context(), worker); err == nil {
				t.Error("an engine introduces one that is not the worker")
			}
		})
	}
}

// Gateways, workers and callers of the release before are spoken to as they can be, unless TLS is
// required.
func TestReleasesBehindAGateway(t *testing.T) {
	w := newWorld(t)
	at, _ := w.gateway()
	before := w.oldGateway()
	w.tlsAgent("new", w.identity(), true, echo)
	w.tlsAgent("old", nil, true, echo)
	for _, test := range []struct {
		name, id, gateway string
		speaks            faas.TLS
		err               string
	}{
		{"all are new", "new", at, faas.TLSAccepted, ""},
		{"the worker is old", "old", at, faas.TLSAccepted, ""},
		{"the gateway is old", "new", before, faas.TLSAccepted, ""},
		{"both are old", "old", before, faas.TLSAccepted, ""},
		{"the caller is old", "new", at, faas.TLSNever, ""},
		{"the gateway is old, and TLS required", "new", before, faas.TLSRequired, "speaks no TLS with workers"},
		{"the worker is old, and TLS required", "old", at, faas.TLSRequired, "TLS handshake"},
	} {
		worker := behindGateways(test.id, test.speaks, test.gateway)
		engine := w.engine(shownToken)
		err := engine.Certify(t.Context(), worker)
		if test.err == "" && err != nil {
			t.Errorf("%s: the engine: %v", test.name, err)
		}
		for _, client := range []*dispatch.Client{engine, w.secure(w.client(), nil)} {
			_, err := client.Call(t.Context(), worker, aCall("x"))
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	}
}

// What is passed on without a look at it has bounds.
func TestPassedTunnelsAreBounded(t *testing.T) {
	w := newWorld(t)
	at, _ := w.gateway()
	var received atomic.Int64
	w.workers.Store("worker-1", w.sink(&received))
	dialer, err := tunnel.NewDialer(w.key)
	w.must(err)
	to, _ := tunnel.Parse(behindGateways("worker-1", faas.TLSRequired, at).Address)
	conn, err := dialer.Dial(t.Context(), to, tunnel.LegPassed)
	w.must(err)
	defer conn.Close()
	sent := make(chan error, 1)
	go func() {
		for {
			if _, err := conn.Write(make([]byte, 1<<10)); err != nil {
				sent <- err
				return
			}
		}
	}()
	if _, err := io.ReadAll(conn); err == nil {
		t.Log("the gateway ended the tunnel in TLS's own way")
	}
	if err := <-sent; err == nil {
		t.Error("bytes without end are passed on")
	}
	if n := received.Load(); n == 0 || n > maxPassed {
		t.Errorf("%d bytes were passed on, of which %d may be", n, maxPassed)
	}
	if status := w.ask(at, func(session tls.ConnectionState) string {
		keys, err := tunnel.NewKeys(w.key)
		w.must(err)
		signature, err := keys.Sign(session, "worker-1")
		w.must(err)
		return "CONNECT worker-1 HTTP/1.1\r\nHost: x\r\n" + tunnel.LegHeader + ": otherwise\r\nAuthorization: " +
			tunnel.Scheme + signature + "\r\n\r\n"
	}); status != http.StatusBadRequest {
		t.Errorf("a leg that there is not: status %d", status)
	}
}

// sink is the address of one who reads, counts what comes, and says nothing.
func (w *world) sink(received *atomic.Int64) string {
	w.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for some := make([]byte, 1<<10); ; {
					n, err := conn.Read(some)
					received.Add(int64(n))
					if err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// BenchmarkCall is a call of 512 bytes through a gateway: of caller, gateway and an agent of tests.
func BenchmarkCall(b *testing.B) {
	for _, speaks := range []faas.TLS{faas.TLSNever, faas.TLSRequired} {
		b.Run("worker_tls="+string(speaks), func(b *testing.B) {
			w := newWorld(b)
			at, _ := w.gateway()
			w.tlsAgent("worker-1", w.identity(), true, echo)
			worker := behindGateways("worker-1", speaks, at)
			engine := w.engine(shownToken)
			w.must(engine.Certify(b.Context(), worker))
			call := aCall(strings.Repeat("x", 512))
			for b.Loop() {
				if _, err := engine.Call(b.Context(), worker, call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

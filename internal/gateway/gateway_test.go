package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/internal/workertls"
)

// hangTimeout ends a test that hangs.
const hangTimeout = time.Minute

// world is a gateway, the keys of its callers, and where workers are.
type world struct {
	testing.TB
	key     faas.WorkerKey
	workers sync.Map // of addresses by worker

	mu       sync.Mutex
	gateways []*Gateway
}

func newWorld(t testing.TB) *world {
	key, err := faas.NewWorkerKey(strings.Repeat("s", faas.MinWorkerSecret))
	if err != nil {
		t.Fatal(err)
	}
	return &world{TB: t, key: key}
}

// Address implements Workers.
func (w *world) Address(_ context.Context, workerID string) (string, error) {
	address, is := w.workers.Load(workerID)
	if !is {
		return "", ErrNoWorker
	}
	return address.(string), nil
}

// fixed is an identity that does not change.
type fixed struct {
	certificate tls.Certificate
	checker     tunnel.Checker
	workers     *workertls.Roots
}

func (f fixed) Certificate() *tls.Certificate { return &f.certificate }
func (f fixed) Checker() tunnel.Checker       { return f.checker }
func (f fixed) Workers() *workertls.Roots     { return f.workers }

// gateway starts a gateway; stop tells it to end.
func (w *world) gateway() (address string, stop func()) {
	w.Helper()
	authority, err := workertls.NewAuthority(w.key)
	w.must(err)
	return w.gatewayWith(&authority.Roots)
}

// oldGateway starts one that knows of no certificates of workers.
func (w *world) oldGateway() (address string) {
	w.Helper()
	address, _ = w.gatewayWith(nil)
	return address
}

func (w *world) gatewayWith(workers *workertls.Roots) (address string, stop func()) {
	w.Helper()
	keys, err := tunnel.NewKeys(w.key)
	w.must(err)
	certificate, key, err := keys.Issue(time.Now())
	w.must(err)
	if !keys.Fresh(certificate, key, time.Now()) || keys.Fresh(certificate, key, time.Now().Add(21*24*time.Hour)) {
		w.Error("a certificate is to be replaced after two thirds of 30 days")
	}
	f := fixed{workers: workers}
	f.certificate, err = tls.X509KeyPair(certificate, key)
	w.must(err)
	f.checker, err = tunnel.NewChecker(keys.Public())
	w.must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	g := New(Config{Identity: f, Workers: w, MaxTunnels: 100, Log: slog.New(slog.DiscardHandler)})
	w.mu.Lock()
	w.gateways = append(w.gateways, g)
	w.mu.Unlock()
	ctx, stop := context.WithCancel(w.Context())
	done, killed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		g.Serve(ctx, listener, killed)
	}()
	w.Cleanup(func() {
		stop()
		close(killed)
		<-done
	})
	return listener.Addr().String(), stop
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// agent starts what answers as an agent does, and returns its worker behind the gateways.
func (w *world) agent(id string, call http.HandlerFunc, gateways ...string) faas.Worker {
	w.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+w.key.Token(id) {
			rw.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(rw, `{"refused":%q}`, faas.RefusedToken)
			return
		}
		call(rw, r)
	}))
	w.Cleanup(server.Close)
	w.workers.Store(id, server.Listener.Addr().String())
	return faas.Worker{ID: id, Slots: 3, Address: tunnel.Target{Gateways: gateways, WorkerID: id}.Address()}
}

func (w *world) client() *dispatch.Client {
	w.Helper()
	dialer, err := tunnel.NewDialer(w.key)
	w.must(err)
	c := dispatch.NewClient(w.key.Token)
	c.Bound(faas.ProcessLimits{Result: 16 << 20, Log: 1 << 20})
	c.Through(dialer)
	w.Cleanup(c.Close)
	return c
}

// echo answers a call with its input.
func echo(rw http.ResponseWriter, r *http.Request) {
	var c faas.Call
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	out, _ := json.Marshal(faas.Outcome{Status: faas.ExecutionSuccess, Output: c.Input})
	rw.Header().Set("Content-Length", fmt.Sprint(len(out)))
	_, _ = rw.Write(out)
}

func aCall(input string) faas.Call {
	text, _ := json.Marshal(map[string]string{"text": input})
	return faas.Call{ExecutionID: faas.NewID(), Input: text, Timeout: hangTimeout}
}

func TestCallsOfAllSizes(t *testing.T) {
	w := newWorld(t)
	at, _ := w.gateway()
	worker, client := w.agent("worker-1", echo, at), w.client()
	for _, size := range []int{0, 1, 4000, 5000, 1 << 16, 3 << 20, 1} {
		call := aCall(strings.Repeat("x", size))
		out, err := client.Call(t.Context(), worker, call)
		if err != nil || !bytes.Equal(out.Output, call.Input) {
			t.Fatalf("%d bytes: %v, %d bytes came back", size, err, len(out.Output))
		}
	}
	if err := client.Probe(t.Context(), worker); err == nil || dispatch.GatewayAway(err) {
		t.Errorf("the echo of a probe is no agent's answer, got %v", err)
	}
}

// Errors tell whose fault it is that a worker was not asked.
func TestWhoIsAway(t *testing.T) {
	w := newWorld(t)
	at, _ := w.gateway()
	client := w.client()
	worker := func(gateway, id string) faas.Worker {
		return faas.Worker{ID: id, Address: tunnel.Target{Gateways: []string{gateway}, WorkerID: id}.Address()}
	}
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	unused.Close()
	w.workers.Store("refuses", unused.Addr().String())
	for name, test := range map[string]struct {
		worker faas.Worker
		away   bool
	}{
		"no gateway there":              {worker(unused.Addr().String(), "x"), true},
		"no gateway known":              {faas.Worker{ID: "x", Address: tunnel.Target{WorkerID: "x"}.Address()}, true},
		"no such worker":                {worker(at, "gone"), false},
		"a worker that does not listen": {worker(at, "refuses"), false},
	} {
		_, err := client.Call(t.Context(), test.worker, aCall(""))
		var unreachable *dispatch.UnreachableError
		if !errors.As(err, &unreachable) || dispatch.GatewayAway(err) != test.away {
			t.Errorf("%s: %v", name, err)
		}
	}
	dialer, err := tunnel.NewDialer(w.key)
	w.must(err)
	if err := dialer.Check(t.Context(), at); err != nil {
		t.Errorf("a gateway that is well: %v", err)
	}
	other, err := faas.NewWorkerKey(strings.Repeat("o", faas.MinWorkerSecret))
	w.must(err)
	stranger, err := tunnel.NewDialer(other)
	w.must(err)
	if err := stranger.Check(t.Context(), at); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("callers take the gateway of another secret: %v", err)
	}
}

// ask sends a request for a tunnel over a TLS session that checks nothing, and returns the status.
func (w *world) ask(gateway string, request func(session tls.ConnectionState) string) int {
	w.Helper()
	conn, err := tls.Dial("tcp", gateway, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a stranger does not care
	w.must(err)
	defer conn.Close()
	w.must(conn.SetDeadline(time.Now().Add(hangTimeout)))
	_, err = io.WriteString(conn, request(conn.ConnectionState()))
	w.must(err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	w.must(err)
	defer answer.Body.Close()
	return answer.StatusCode
}

func TestStrangersAreRefused(t *testing.T) {
	w := newWorld(t)
	at, _ := w.gateway()
	w.agent("worker-1", echo, at)
	w.agent("worker-2", echo, at)
	keys, err := tunnel.NewKeys(w.key)
	w.must(err)
	connect := func(workerID, signature string) string {
		return "CONNECT " + workerID + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + tunnel.Scheme + signature + "\r\n\r\n"
	}
	sign := func(session tls.ConnectionState, workerID string) string {
		signature, err := keys.Sign(session, workerID)
		w.must(err)
		return signature
	}
	old := ""
	for _, test := range []struct {
		name    string
		request func(tls.ConnectionState) string
		status  int
	}{
		{"signed", func(s tls.ConnectionState) string { old = sign(s, "worker-1"); return connect("worker-1", old) }, 200},
		{"signed in another session", func(tls.ConnectionState) string { return connect("worker-1", old) }, 403},
		{"signed for another worker", func(s tls.ConnectionState) string {
			return connect("worker-2", sign(s, "worker-1"))
		}, 403},
		{"unsigned", func(tls.ConnectionState) string { return "CONNECT worker-1 HTTP/1.1\r\nHost: x\r\n\r\n" }, 403},
		{"with the worker's token", func(tls.ConnectionState) string {
			return connect("worker-1", w.key.Token("worker-1"))
		}, 403},
		{"to the metadata service", func(s tls.ConnectionState) string {
			return connect("169.254.169.254:80", sign(s, "169.254.169.254:80"))
		}, 404},
		{"to what is no worker", func(s tls.ConnectionState) string {
			return connect("faas-gateway", sign(s, "faas-gateway"))
		}, 404},
		{"as a proxy", func(tls.ConnectionState) string {
			return "GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nAuthorization: " + tunnel.Scheme + "x\r\n\r\n"
		}, 400},
	} {
		if got := w.ask(at, test.request); got != test.status {
			t.Errorf("%s: got %d, want %d", test.name, got, test.status)
		}
	}
	conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a stranger does not care
	w.must(err)
	defer conn.Close()
	if _, err := conn.Write(bytes.Repeat([]byte("x"), maxHead+1)); err == nil {
		_, err = io.ReadAll(conn)
		if n, ok := err.(net.Error); ok && n.Timeout() { //nolint:errorlint // as it is
			t.Error("a head without end is waited for")
		}
	}
}

// A worker's own token is still what opens it: who has a tunnel has not more than that.
func TestTokenStaysTheWorkers(t *testing.T) {
	w := newWorld(t)
	at, _ := w.gateway()
	worker := w.agent("worker-1", echo, at)
	dialer, err := tunnel.NewDialer(w.key)
	w.must(err)
	wrong := dispatch.NewClient(func(string) string { return w.key.Token("worker-2") })
	defer wrong.Close()
	wrong.Through(dialer)
	_, err = wrong.Call(t.Context(), worker, aCall(""))
	var refused *dispatch.RefusedError
	if !errors.As(err, &refused) || refused.Refused != faas.RefusedToken {
		t.Errorf("with another worker's token: %v", err)
	}
}

// A gateway that is told to end under load finishes what is under way, and no call fails.
func TestDrainsWithoutFailures(t *testing.T) {
	w := newWorld(t)
	first, stop := w.gateway()
	second, _ := w.gateway()
	worker, client := w.agent("worker-1", echo, first, second), w.client()
	did := make(chan error)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for ctx.Err() == nil {
				_, err := client.Call(context.Background(), worker, aCall(strings.Repeat("x", 20_000)))
				select {
				case did <- err:
				case <-ctx.Done():
				}
			}
		})
	}
	await := func(calls int) {
		for range calls {
			if err := <-did; err != nil {
				t.Errorf("a call failed: %v", err)
			}
		}
	}
	await(100)
	stop()
	await(200)
	end()
	callers.Wait()
	if _, err := net.DialTimeout("tcp", first, time.Second); err == nil {
		t.Error("the gateway that has ended takes connections")
	}
}

// The end of a worker is found before a call is sent to it.
func TestIdleTunnelsEndWithTheirWorker(t *testing.T) {
	w := newWorld(t)
	at, _ := w.gateway()
	server := httptest.NewServer(http.HandlerFunc(echo))
	w.workers.Store("worker-1", server.Listener.Addr().String())
	worker := faas.Worker{ID: "worker-1", Address: tunnel.Target{Gateways: []string{at}, WorkerID: "worker-1"}.Address()}
	client := w.client()
	if _, err := client.Call(t.Context(), worker, aCall("")); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	g := w.gateways[0]
	w.mu.Unlock()
	server.CloseClientConnections()
	server.Close()
	for open := 1; open > 0; { // nothing signals it
		g.mu.Lock()
		open = len(g.conns)
		g.mu.Unlock()
		runtime.Gosched()
	}
	_, err := client.Call(t.Context(), worker, aCall(""))
	var unreachable *dispatch.UnreachableError
	if !errors.As(err, &unreachable) || dispatch.GatewayAway(err) {
		t.Errorf("a call to a worker that is gone: %v", err)
	}
}

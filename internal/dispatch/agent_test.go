package dispatch

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

const testToken = "a worker's token"

// agent is a small real agent: an HTTP server on a Unix socket that answers calls as a test says.
type agent struct {
	worker   faas.Worker
	calls    atomic.Int32
	answer   func(w http.ResponseWriter, call faas.Call)
	server   *http.Server
	accepted chan net.Conn // the first connections

	credentials func(w http.ResponseWriter, c faas.Credentials)
	cancel      func(w http.ResponseWriter, c faas.Cancellation)
	log         func(w http.ResponseWriter, q faas.LogQuery)
}

func newAgent(t *testing.T, key faas.Key, answer func(w http.ResponseWriter, call faas.Call)) *agent {
	t.Helper()
	return newAgentAt(t, "unix", filepath.Join(t.TempDir(), "a.sock"), key, answer)
}

func newAgentAt(
	t *testing.T, network, address string, key faas.Key, answer func(w http.ResponseWriter, call faas.Call),
) *agent {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{answer: answer, accepted: make(chan net.Conn, 16)}
	a.worker = faas.Worker{ID: faas.NewID(), Address: network + ":" + l.Addr().String(), Slots: 3, Ready: true, Key: key}
	serving, served := make(chan struct{}), make(chan struct{})
	a.server = &http.Server{Handler: http.HandlerFunc(a.serve), BaseContext: func(net.Listener) context.Context {
		close(serving)
		return context.Background()
	}, ConnState: func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			select {
			case a.accepted <- c:
			default: // no test looks at so many
			}
		}
	}}
	go func() {
		defer close(served)
		_ = a.server.Serve(l)
	}()
	<-serving // or a test that closes it at once would leave its socket listening a moment longer
	t.Cleanup(func() {
		a.server.Close()
		<-served
	})
	return a
}

func (a *agent) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == readyPath {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+testToken {
		refuse(w, faas.RefusedToken)
		return
	}
	b, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/v1/credentials" {
		var c faas.Credentials
		_ = json.Unmarshal(b, &c)
		a.credentials(w, c)
		return
	}
	if r.URL.Path == "/v1/cancel" {
		var c faas.Cancellation
		_ = json.Unmarshal(b, &c)
		a.cancel(w, c)
		return
	}
	if r.URL.Path == logPath {
		var q faas.LogQuery
		_ = json.Unmarshal(b, &q)
		a.log(w, q)
		return
	}
	if r.URL.Path == "/v1/status" {
		_ = json.NewEncoder(w).Encode(faas.WorkerStatus{State: faas.WorkerSpecialised, Key: a.worker.Key})
		return
	}
	var call faas.Call
	if err := json.Unmarshal(b, &call); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.calls.Add(1)
	a.answer(w, call)
}

func succeed(w http.ResponseWriter, call faas.Call) {
	_ = json.NewEncoder(w).Encode(faas.Outcome{Status: faas.ExecutionSuccess, Output: call.Input})
}

func refuse(w http.ResponseWriter, why string) {
	w.WriteHeader(http.StatusConflict)
	_ = json.NewEncoder(w).Encode(map[string]string{"refused": why})
}

// cut breaks the connection in the middle of a call.
func cut(w http.ResponseWriter, _ faas.Call) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

package clusters

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/internal/workertls"
)

// hidden is a node whose pods this machine has no route to.
const hidden = "hidden"

const behind = "faas-hidden"

// behindGateway is a service whose only cluster is hidden.
type behindGateway struct {
	*service
	address string // of the gateway, host:port
}

// newBehindGateway has everything made as an administrator would: the cluster by cluster prepare,
// the rest by the engine.
func newBehindGateway(t *testing.T) *behindGateway {
	t.Helper()
	s := prepare(t, kubeconfigOf(hidden))
	s.mini("node", "up", hidden, "--hidden")
	t.Cleanup(func() { s.mini("node", "down", hidden) })
	s.configure(fmt.Sprintf(`[kubernetes]
kubeconfig = %s
namespace = %s
agent_image = docker.io/faas-mini/agent:dev
reach = gateway
worker_tls = require
gateway_image = docker.io/faas-mini/gateway:dev
`, s.clusters[0], behind))
	b := &behindGateway{service: s}
	b.kubectl("delete", "namespace", behind, "--ignore-not-found")
	t.Cleanup(func() { b.kubectl("delete", "namespace", behind, "--wait=false") })
	prepared := s.run(filepath.Join(repository, "bin/faas-manage"),
		"--config-file", s.conf, "cluster", "prepare", "--apply", "--kubeconfig", s.clusters[0])
	if !strings.Contains(prepared, "Deployment faas-gateway: made") {
		t.Fatalf("cluster prepare: %s", prepared)
	}
	s.launch()
	b.kubectl("rollout", "status", "deployment/faas-gateway", "--namespace", behind, "--timeout=120s")
	s.await("the engine has found the gateway", func() bool { return !strings.Contains(b.health(), "CLUSTER") })
	port := b.kubectl("get", "service", "faas-gateway", "--namespace", behind, "-o", "jsonpath={.spec.ports[0].nodePort}")
	host := b.kubectl("get", "pods", "--namespace", behind, "-l", "app.kubernetes.io/name=faas-gateway",
		"-o", "jsonpath={.items[0].status.hostIP}")
	b.address = net.JoinHostPort(host, port)
	return b
}

// health returns what the engine says of itself.
func (b *behindGateway) health() string {
	b.Helper()
	answer, err := http.Get("http://127.0.0.1:" + b.status + "/healthcheck") //nolint:noctx // bounded by the test
	b.must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	b.must(err)
	return string(text)
}

func (b *behindGateway) kubectl(arguments ...string) string {
	b.Helper()
	return b.mini("kubectl", append([]string{"--kubeconfig", b.clusters[0]}, arguments...)...)
}

// TestGateway runs functions in a cluster whose pods cannot be reached.
func TestGateway(t *testing.T) {
	b := newBehindGateway(t)
	runtime := b.runtime(map[string]any{"name": "python3", "image": "docker.io/faas-mini/python3:dev"})
	f := b.function(runtime)
	b.must(b.call(b.ctx, f))
	worker := b.workerOf(f)
	b.unrouted(t)
	b.echoes(t, runtime)
	b.cancels(t, runtime)
	b.refusesStrangers(t, worker)
	b.restarts(t, []string{f, b.function(runtime)})
}

// workerOf returns the name of the function's pod.
func (b *behindGateway) workerOf(function string) (name string) {
	b.Helper()
	b.await("the worker is labelled", func() bool {
		name = b.kubectl("get", "pods", "--namespace", behind, "-l", "faas.openstack.org/function-id="+function,
			"-o", "jsonpath={.items[*].metadata.name}")
		return name != ""
	})
	return name
}

// unrouted makes sure that the test tests what it says.
func (b *behindGateway) unrouted(t *testing.T) {
	ip := b.kubectl("get", "pods", "--namespace", behind, "-l", "app.kubernetes.io/name=faas-worker",
		"-o", "jsonpath={.items[0].status.podIP}")
	if conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip, "8090"), time.Second); err == nil {
		conn.Close()
		t.Errorf("this machine reaches the pod %s: there is no need of a gateway", ip)
	}
}

// madeOf makes a function of the code.
func (b *behindGateway) madeOf(runtime, name, code string) string {
	b.Helper()
	pack, err := apiclient.Zip(map[string]string{"main.py": code})
	b.must(err)
	made, err := b.client.CreateFunction(b.ctx, apiclient.NewFunction{
		Name: name, RuntimeID: runtime, Package: pack, CPU: 1000, Timeout: 300, MemorySize: 256 << 20,
	})
	b.must(err)
	return made.ID
}

// echoes sends some MiB there and back.
func (b *behindGateway) echoes(t *testing.T, runtime string) {
	f := b.madeOf(runtime, "echo", "def main(text, **kw):\n    return text\n")
	text := strings.Repeat("0123456789abcdef", 3<<16)
	begun := time.Now()
	x, err := b.client.Execute(b.ctx, f, true, map[string]string{"text": text})
	b.must(err)
	var result struct{ Output string }
	b.must(json.Unmarshal([]byte(x.Result), &result))
	if result.Output != text {
		t.Errorf("of %d bytes %d came back, or others: %.100s", len(text), len(result.Output), result.Output)
	}
	t.Logf("an echo of %d MiB took %s", len(text)>>20, time.Since(begun).Round(time.Millisecond))
}

// cancels cancels a call that runs for minutes.
func (b *behindGateway) cancels(t *testing.T, runtime string) {
	f := b.madeOf(runtime, "sleeps", "import time\ndef main(**kw):\n    time.sleep(280)\n")
	x, err := b.client.Execute(b.ctx, f, false, nil)
	b.must(err)
	status := func() string {
		var now struct{ Status string }
		b.must(b.client.Do(b.ctx, "GET", "/v1/executions/"+x.ID, nil, &now))
		return now.Status
	}
	b.await("the call runs", func() bool { return status() == "running" })
	b.must(b.client.Do(b.ctx, "POST", "/v1/executions/"+x.ID+"/cancel", nil, nil))
	b.await("the call has ended", func() bool { return status() != "running" })
	if got := status(); got != "cancelled" {
		t.Errorf("a cancelled call ended as %s", got)
	}
}

// refusesStrangers tries what the gateway must not do.
func (b *behindGateway) refusesStrangers(t *testing.T, worker string) {
	key, err := faas.NewWorkerKey(secret)
	b.must(err)
	keys, err := tunnel.NewKeys(key)
	b.must(err)
	other := b.kubectl("get", "pods", "--namespace", behind, "-l", "app.kubernetes.io/name=faas-gateway",
		"-o", "jsonpath={.items[0].metadata.name}")
	old := ""
	signed := func(id string) func(tls.ConnectionState) string {
		return func(session tls.ConnectionState) string {
			old, err = keys.Sign(session, id)
			b.must(err)
			return "CONNECT " + id + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + tunnel.Scheme + old + "\r\n\r\n"
		}
	}
	for _, attack := range []struct {
		name    string
		request func(tls.ConnectionState) string
		want    int
	}{
		{"a pod that is no worker", signed(other), http.StatusNotFound},
		{"the address of a pod", signed("10.245.1.2:8090"), http.StatusNotFound},
		{"the metadata service", signed("169.254.169.254:80"), http.StatusNotFound},
		{"a signed request", signed(worker), http.StatusOK},
		{"a request without a signature", func(tls.ConnectionState) string {
			return "CONNECT " + worker + " HTTP/1.1\r\nHost: x\r\n\r\n"
		}, http.StatusForbidden},
		{"the signature of an old request", func(tls.ConnectionState) string {
			return "CONNECT " + worker + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + tunnel.Scheme + old + "\r\n\r\n"
		}, http.StatusForbidden},
	} {
		if got := b.ask(attack.request); got != attack.want {
			t.Errorf("%s is answered with %d, want %d", attack.name, got, attack.want)
		}
	}
	b.refusesCallers(t, key, worker)
}

// refusesCallers has callers that the gateway lets in ask a worker for what they may not have.
func (b *behindGateway) refusesCallers(t *testing.T, key faas.WorkerKey, worker string) {
	dialer, err := tunnel.NewDialer(key)
	b.must(err)
	authority, err := workertls.NewAuthority(key)
	b.must(err)
	status := func(speaks faas.TLS, tokenOf string) (faas.WorkerStatus, error) {
		client := dispatch.NewClient(func(string) string { return key.Token(tokenOf) })
		defer client.Close()
		client.Through(dialer)
		client.Secure(authority, nil)
		to := tunnel.Target{Gateways: []string{b.address}, WorkerID: worker}
		return client.Status(b.ctx, faas.Worker{ID: worker, TLS: speaks, Address: to.Address()})
	}
	if _, err := status(faas.TLSRequired, worker); err != nil {
		t.Errorf("the gateway speaks no TLS with the worker: %v", err)
	}
	_, err = status(faas.TLSRequired, "another-worker")
	var refused *dispatch.RefusedError
	if !errors.As(err, &refused) || refused.Refused != faas.RefusedToken {
		t.Errorf("another worker's token: %v", err)
	}
	if said, err := status(faas.TLSNever, worker); err == nil || errors.As(err, &refused) {
		t.Errorf("the worker answers without TLS: %+v, %v", said, err)
	}
}

// ask sends the gateway a request and returns the status.
func (b *behindGateway) ask(request func(tls.ConnectionState) string) int {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // a stranger does not care
	conn, err := dialer.DialContext(ctx, "tcp", b.address)
	b.must(err)
	defer conn.Close()
	b.must(conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, request(conn.(*tls.Conn).ConnectionState()))
	b.must(err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	b.must(err)
	answer.Body.Close()
	return answer.StatusCode
}

// restarts has the gateways replaced under load, which fails no call, and then one killed, which
// may fail those that it has under way.
func (b *behindGateway) restarts(t *testing.T, functions []string) {
	for _, f := range functions {
		b.must(b.call(b.ctx, f))
	}
	l := b.load(functions)
	defer l.wait.Wait()
	defer l.stop()
	l.again(5)
	b.kubectl("rollout", "restart", "deployment/faas-gateway", "--namespace", behind)
	b.kubectl("rollout", "status", "deployment/faas-gateway", "--namespace", behind, "--timeout=300s")
	l.again(20)
	l.mu.Lock()
	t.Logf("gateways replaced: %d of %d calls failed", len(l.failures), l.calls)
	for _, f := range l.failures {
		t.Errorf("while gateways were replaced: %v", f.err)
	}
	before, calls := len(l.failures), l.calls
	l.mu.Unlock()
	pods := strings.Fields(b.kubectl("get", "pods", "--namespace", behind, "-l", "app.kubernetes.io/name=faas-gateway",
		"--field-selector", "status.phase=Running", "-o", "jsonpath={.items[*].metadata.name}"))
	killed := time.Now()
	b.kubectl("delete", "pods", "--namespace", behind, "--grace-period=1", pods[0], "--wait=false")
	l.again(20)
	l.mu.Lock()
	defer l.mu.Unlock()
	failed := l.failures[before:]
	t.Logf("a gateway killed: %d of %d calls failed within %s", len(failed), l.calls-calls,
		time.Since(killed).Round(100*time.Millisecond))
	for _, f := range failed {
		t.Logf("failed after %s: %.200v", f.at.Sub(killed).Round(10*time.Millisecond), f.err)
	}
	if len(failed) > 2*len(functions) {
		t.Errorf("more calls failed than were under way twice over")
	}
}

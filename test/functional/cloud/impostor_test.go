package cloud

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/podlayout"
	"github.com/openstack-faas/faas/internal/workertls"
)

// impostor answers in a pod of its own as an agent would, and shows a token that need not be its
// pod's.
type impostor struct {
	identity *workertls.Identity
	shows    string // the token

	mu    sync.Mutex
	asked map[string]int // by path
}

// ServeHTTP does what an engine asks of an agent that it does not know yet.
func (m *impostor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.asked[r.URL.Path]++
	m.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
	case r.URL.Path == workertls.IdentityPath:
		err = json.NewEncoder(w).Encode(workertls.Shown{Token: m.shows})
	case r.URL.Path == workertls.CertificatePath:
		if err = m.identity.Take(body); err == nil {
			_, err = io.WriteString(w, "{}")
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (m *impostor) was(asked string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[asked] > 0
}

// serve answers at the agents' port in the pod until the test ends.
func (m *impostor) serve(t *testing.T, podProcess int) {
	t.Helper()
	listener := listenIn(t, fmt.Sprintf("/proc/%d/ns/net", podProcess), fmt.Sprintf(":%d", podlayout.Port))
	quiet := log.New(io.Discard, "", 0) // the kubelet connects, and says nothing
	server := &http.Server{Handler: m, ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
	go func() { _ = server.Serve(&secured{listener, m.identity}) }()
	t.Cleanup(func() { server.Close() })
}

// secured is a listener whose connections are the impostor's ends of TLS sessions.
type secured struct {
	net.Listener
	identity *workertls.Identity
}

// Accept implements net.Listener.
func (s *secured) Accept() (net.Conn, error) {
	raw, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return s.identity.Server(raw), nil
}

// podOfImpostor looks to an engine as a worker of a pool. It is ready once somebody listens where
// an agent does.
const podOfImpostor = `{
	"apiVersion": "v1", "kind": "Pod",
	"metadata": {
		"name": %q, "namespace": %q, "annotations": {"faas.openstack.org/tls": "require"},
		"labels": {"app.kubernetes.io/name": "faas-worker", "faas.openstack.org/runtime-id": %q}
	},
	"spec": {
		"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false,
		"containers": [{
			"name": "agent", "image": "docker.io/faas-mini/pause:dev", "imagePullPolicy": "Never",
			"readinessProbe": {"tcpSocket": {"port": %d}, "periodSeconds": 1, "timeoutSeconds": 30}
		}]
	}
}`

// TestImpostorGetsNoCertificate has a pod that is taken for a worker show an engine what the pod is
// known to Kubernetes by, and another one what a genuine worker is known by.
func TestImpostorGetsNoCertificate(t *testing.T) {
	t.Parallel() // it mostly waits
	for name, genuine := range map[string]bool{"genuine": true, "impostor": false} {
		t.Run(name, func(t *testing.T) { getsCertificate(t, name, genuine) })
	}
}

func getsCertificate(t *testing.T, name string, genuine bool) {
	ctx := testContext(t)
	// The engine asks the worker for several things. Only in debug does it say so of each that fails.
	i := newWithTLS(ctx, t, name, "require", "FAAS_DEFAULT_DEBUG=true")
	shown := name
	if !genuine {
		shown = kubectl(ctx, t, "get", "pods", "-n", i.namespace, "-l", ofWorkers, "-o", "jsonpath={.items[0].metadata.name}")
	}
	process := i.startPod(name)
	identity, err := workertls.NewIdentity()
	must(t, err)
	m := &impostor{identity: identity, shows: i.tokenOf(shown), asked: map[string]int{}}
	m.serve(t, process)
	refused := func() bool {
		return strings.Contains(i.engine.log.String(), "the token that was shown for worker "+name+" is another pod's")
	}
	await(ctx, t, name+" is known or refused", func() bool { return refused() || m.was(workertls.CertificatePath) })
	if !m.was(workertls.IdentityPath) || m.was(workertls.CertificatePath) != genuine || refused() == genuine {
		t.Errorf("asked was %v, and refused: %v", m.asked, refused())
	}
}

// startPod makes an impostor's pod and returns its process.
func (i *withTLS) startPod(name string) (process int) {
	i.Helper()
	file := filepath.Join(i.TempDir(), "pod.json")
	must(i, os.WriteFile(file, fmt.Appendf(nil, podOfImpostor, name, i.namespace, i.runtime, podlayout.Port), 0o600))
	kubectl(i.ctx, i.T, "apply", "-f", file)
	await(i.ctx, i.T, name+" runs", func() bool {
		_, id, _ := strings.Cut(kubectl(i.ctx, i.T, "get", "pod", name, "-n", i.namespace, "-o",
			"jsonpath={.status.containerStatuses[0].containerID}"), "://")
		process = processOf(i.T, id)
		return process != 0
	})
	return process
}

// processOf returns a process of the container, 0 while there is none.
func processOf(t *testing.T, containerID string) (process int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	must(t, err)
	for _, file := range files {
		groups, err := os.ReadFile(file)
		if err != nil || containerID == "" || !strings.Contains(string(groups), containerID) {
			continue
		}
		_, err = fmt.Sscanf(file, "/proc/%d/", &process)
		must(t, err)
		return process
	}
	return 0
}

// tokenOf returns a token as the kubelet puts it into the agent's container of a pod.
func (i *withTLS) tokenOf(pod string) string {
	i.Helper()
	return kubectl(i.ctx, i.T, "create", "token", "default", "-n", i.namespace, "--audience", podlayout.IdentityAudience,
		"--bound-object-kind", "Pod", "--bound-object-name", pod)
}

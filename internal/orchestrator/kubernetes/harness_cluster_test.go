package kubernetes

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// The images that the mini cloud makes.
const (
	agentImage   = "docker.io/faas-mini/agent:dev"
	pythonImage  = "docker.io/faas-mini/python3:dev"
	nodeImage    = "docker.io/faas-mini/nodejs:dev"
	missingImage = "docker.io/faas-mini/cobol85:dev"
)

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// clusterConfig returns the configuration for a namespace of the test's own in the cluster that
// KUBECONFIG names.
func clusterConfig(t *testing.T) Config {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		t.Skip("no cluster: KUBECONFIG is not set (devstack/mini/up, then source .cloud/env)")
	}
	cfg := testConfig(t)
	cfg.Kubeconfig, cfg.Namespace = path, newNamespace(t, path)
	cfg.PullPolicy = corev1.PullNever
	cfg.UntrustedClass = os.Getenv("FAAS_SANDBOX")
	cfg.Progress = hangTimeout
	cfg.Network.From = []string{ownAddress(t, path) + "/32"}
	if testing.Verbose() {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	return cfg
}

// ownAddress returns where this machine's requests to the cluster come from.
func ownAddress(t *testing.T, path string) string {
	t.Helper()
	access, err := restConfig(Config{Kubeconfig: path})
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(access.Host)
	if err != nil {
		t.Fatal(err)
	}
	way, err := net.Dial("udp", server.Host) // sends nothing
	if err != nil {
		t.Fatal(err)
	}
	defer way.Close() //nolint:errcheck // nothing was sent
	return way.LocalAddr().(*net.UDPAddr).IP.String()
}

// clientOf returns client-go's own client: it has more than the orchestrator's.
func clientOf(t *testing.T, path string) kubernetes.Interface {
	t.Helper()
	access, err := restConfig(Config{Kubeconfig: path})
	if err != nil {
		t.Fatal(err)
	}
	access.QPS, access.Burst = 100, 200
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// newNamespace makes a namespace that admits only confined pods, and deletes it after the test.
func newNamespace(t *testing.T, path string) string {
	t.Helper()
	client := clientOf(t, path)
	var made *corev1.Namespace
	err := retry(t.Context(), func(ctx context.Context) (err error) {
		made, err = client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			GenerateName: "faas-test-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		}}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deleteNamespace(t, client, made.Name) })
	return made.Name
}

// deleteNamespace deletes the owner and all pods without grace first, or the deletion of the
// namespace would wait for each pod's grace period.
func deleteNamespace(t *testing.T, client kubernetes.Interface, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
	defer cancel()
	now := metav1.DeleteOptions{GracePeriodSeconds: pointer(int64(0))}
	err := retry(ctx, func(ctx context.Context) error {
		options := metav1.DeleteOptions{PropagationPolicy: pointer(metav1.DeletePropagationForeground)}
		return client.AppsV1().Deployments(name).DeleteCollection(ctx, options, metav1.ListOptions{})
	})
	if err == nil {
		err = retry(ctx, func(ctx context.Context) error {
			return client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
		})
	}
	if err == nil {
		err = retry(ctx, func(ctx context.Context) error {
			return client.CoreV1().Pods(name).DeleteCollection(ctx, now, metav1.ListOptions{})
		})
	}
	if err != nil {
		t.Errorf("namespace %s is left behind: %v", name, err)
	}
}

// open makes an orchestrator, which the test closes.
func open(t *testing.T, cfg Config) *Orchestrator {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	defer cancel()
	o, err := New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func closing(t *testing.T, o *Orchestrator) {
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// until waits for the workers to be as wanted.
func (o *Orchestrator) until(t *testing.T, what string, wanted func([]faas.Worker) bool) {
	t.Helper()
	deadline := time.After(hangTimeout)
	for {
		changed := o.changes()
		if wanted(o.Workers()) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited in vain for %s; there are %+v", what, o.Workers())
		}
	}
}

// eventually waits until what is asked for of the cluster holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(hangTimeout)
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

func poolOf(size int) func([]faas.Worker) bool {
	return func(workers []faas.Worker) bool {
		ready, all := 0, 0
		for _, w := range workers {
			if w.Generic() {
				all++
			}
			if w.Generic() && w.Ready {
				ready++
			}
		}
		return ready == size && all == size
	}
}

func pythonPool(size int) orchestrator.Pool {
	return orchestrator.Pool{RuntimeID: runtimeID, Image: pythonImage, Size: size}
}

// killContainer kills the processes of a worker's container, as a crash would. The test runs on the
// cluster's node.
func killContainer(t *testing.T, o *Orchestrator, workerID, container string) {
	t.Helper()
	pod, err := o.pods().Get(t.Context(), workerID, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name != container {
			continue
		}
		_, id, _ := strings.Cut(c.ContainerID, "://")
		for _, pid := range processesOf(t, id) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
				t.Fatal(err)
			}
		}
		return
	}
	t.Fatalf("worker %s has no container %s", workerID, container)
}

// processesOf returns the processes of this machine that are in the container's control group.
func processesOf(t *testing.T, containerID string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil || containerID == "" {
		t.Fatalf("container %q: %v", containerID, err)
	}
	var all []int
	for _, file := range files {
		groups, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(groups), containerID) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
	}
	if len(all) == 0 {
		t.Skipf("container %s does not run on this machine", containerID)
	}
	return all
}

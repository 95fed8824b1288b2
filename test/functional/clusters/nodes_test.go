package clusters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// onOwnNodes is a service whose only cluster is the one beside the mini cloud's, where a test can
// keep its node from pods.
type onOwnNodes struct {
	*service
	paper string // a node without a machine
}

const (
	taint = "dedicated=faas:NoSchedule"
	image = "docker.io/faas-mini/python3:dev"
)

// newOnOwnNodes starts a service whose workers are to be on nodes with a label that none has yet. A
// node without that label would take pods, and never start one.
func newOnOwnNodes(t *testing.T) *onOwnNodes {
	t.Helper()
	o := &onOwnNodes{prepare(t, kubeconfigOf(node)), fmt.Sprintf("paper-%d", time.Now().Unix())}
	o.mini("node", "up", node)
	t.Cleanup(func() { o.mini("node", "down", node) })
	clean := func() {
		o.try("delete", "node", "-l", "test=paper")
		o.try("taint", "node", node, taint+"-")
		o.try("label", "node", node, "pool-")
		o.try("delete", "priorityclass", "faas-workers")
	}
	clean()
	t.Cleanup(clean)
	o.namespaceIn(o.clusters[0])
	o.paperNode()
	o.options("node_selector = pool=faas", "tolerations = "+taint, "priority_class = faas-workers", "priority = -10",
		"spread_over = kubernetes.io/hostname")
	return o
}

// options writes faas.conf with those of [kubernetes] that the test is about.
func (o *onOwnNodes) options(lines ...string) {
	o.Helper()
	o.configure(fmt.Sprintf(`[kubernetes]
kubeconfig = %s
namespace = %s
agent_image = docker.io/faas-mini/agent:dev
ingress_from = 10.250.0.1/32
progress_timeout = 5
%s
[api]
call_wait = 3
`, o.clusters[0], namespace, strings.Join(lines, "\n")))
}

// try runs kubectl and leaves it at that when it fails: there may be nothing to undo.
func (o *onOwnNodes) try(arguments ...string) {
	command := append([]string{"--kubeconfig", o.clusters[0]}, arguments...)
	_ = exec.Command(filepath.Join(repository, "devstack/mini/kubectl"), command...).Run()
}

func (o *onOwnNodes) kubectl(arguments ...string) string {
	o.Helper()
	return o.mini("kubectl", append([]string{"--kubeconfig", o.clusters[0]}, arguments...)...)
}

// paperNode makes a node that is ready as far as the scheduler knows, until its kubelet is missed.
// The cluster would remember how long one of its name has been silent.
func (o *onOwnNodes) paperNode() {
	o.Helper()
	manifest := filepath.Join(o.dir, "node.json")
	text := `{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "` + o.paper + `", "labels": {"test": "paper"}}}`
	o.must(os.WriteFile(manifest, []byte(text), 0o600))
	o.kubectl("apply", "-f", manifest)
	o.kubectl("patch", "node", o.paper, "--subresource=status", "-p", `{"status": {
		"capacity": {"cpu": "8", "memory": "32Gi", "pods": "100", "ephemeral-storage": "100Gi"},
		"conditions": [{"type": "Ready", "status": "True", "reason": "Paper"}]}}`)
	o.await("the node on paper takes pods", func() bool {
		return o.kubectl("get", "node", o.paper, "-o", "jsonpath={.spec.taints}") == ""
	})
}

// prepared runs cluster prepare as the cluster's administrator does, and returns what it says and
// whether it is content.
func (o *onOwnNodes) prepared() (said string, content bool) {
	o.Helper()
	out, err := exec.CommandContext(o.ctx, filepath.Join(repository, "bin/faas-manage"), "--config-file", o.conf,
		"cluster", "prepare", "--apply", "--kubeconfig", o.clusters[0]).CombinedOutput()
	return string(out), err == nil
}

// restartEngine has the engine take up its configuration, and returns what the one before has said.
func (o *onOwnNodes) restartEngine() string {
	o.Helper()
	o.stopEngine()
	said := o.engineLog.String()
	o.stopEngine, o.engineLog = o.start("faas-engine")
	o.wellAt("http://127.0.0.1:" + o.status)
	return said
}

// TestOwnNodes has workers on nodes of their own, and takes these away.
func TestOwnNodes(t *testing.T) {
	o := newOnOwnNodes(t)
	o.noneMatches(t)
	runtime := o.labelled(t)
	o.tainted(t, runtime)
	o.emptied(t, runtime)
}

// noneMatches has everybody told that no node takes workers.
func (o *onOwnNodes) noneMatches(t *testing.T) {
	said, content := o.prepared()
	if content || !strings.Contains(said, "PriorityClass faas-workers: made, with value -10") ||
		!strings.Contains(said, "none of the cluster's 2 nodes takes workers: none has all labels of node_selector") {
		t.Errorf("cluster prepare, content %v: %s", content, said)
	}
	o.launch()
	reason := o.settled(o.made(map[string]any{"name": "python3", "image": image}))
	if !strings.Contains(reason, "0/2 nodes are available: ") || !strings.Contains(reason, "node selector") &&
		!strings.Contains(reason, "node affinity/selector") {
		t.Errorf("the runtime is in error because %q", reason)
	}
	o.await("the metric counts the workers", func() bool { return o.nodeless() > 0 })
}

// nodeless returns how many workers have no node, as the engine's metric has it.
func (o *onOwnNodes) nodeless() (n int) {
	o.Helper()
	answer, err := http.Get("http://127.0.0.1:" + o.status + "/metrics") //nolint:noctx // bounded by the test
	o.must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	o.must(err)
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(line, `faas_workers_without_node{cluster=""} `); is {
			_, err := fmt.Sscan(value, &n)
			o.must(err)
			return n
		}
	}
	o.Fatal("there is no metric of workers without a node")
	return 0
}

// labelled makes the node one for workers: the runtime is well by itself, and all its workers are
// there.
func (o *onOwnNodes) labelled(t *testing.T) (runtime string) {
	o.kubectl("label", "node", node, "pool=faas")
	o.kubectl("taint", "node", node, taint) // which they tolerate
	var all struct{ Runtimes []struct{ ID, Status string } }
	o.await("the runtime is available", func() bool {
		o.must(o.client.Do(o.ctx, "GET", "/v1/runtimes", nil, &all))
		return all.Runtimes[0].Status == "available"
	})
	o.await("the pool is full", func() bool { return generic(o.workers()) == 4 })
	o.must(o.call(o.ctx, o.function(all.Runtimes[0].ID)))
	on := o.kubectl("get", "pods", "--namespace", namespace, "-o", "jsonpath={.items[*].spec.nodeName}")
	if strings.Contains(on, o.paper) || !strings.Contains(on, node) {
		t.Errorf("workers are on %s", on)
	}
	priority := o.kubectl("get", "pods", "--namespace", namespace, "-o", "jsonpath={.items[0].spec.priority}")
	if priority != "-10" {
		t.Errorf("workers have the priority %s", priority)
	}
	return all.Runtimes[0].ID
}

func (o *onOwnNodes) workers() []pod { return o.pods()[0] }

// tainted changes the options while functions are called: to those that no node fulfils, and back.
// No call notices.
func (o *onOwnNodes) tainted(t *testing.T, runtime string) {
	calling := o.keepCalling(o.function(runtime), o.function(runtime))
	before := o.kinds()
	o.options("node_selector = pool=faas")
	if said, content := o.prepared(); content || !strings.Contains(said, "tolerations does not name "+taint) {
		t.Errorf("cluster prepare, content %v: %s", content, said)
	}
	if said := o.restartEngine(); !strings.Contains(said, "0/2 nodes are available: ") {
		t.Errorf("the engine's log does not have the scheduler's words:\n%s", said)
	}
	o.await("workers of the new kind wait for a node", func() bool { return o.nodeless() > 0 })
	o.must(o.call(o.ctx, o.function(runtime))) // by a worker of the old kind
	o.kubectl("taint", "node", node, taint+"-")
	o.await("all generic workers are of the new kind", func() bool {
		now := o.kinds()
		return generic(o.workers()) == 4 && len(now) == 1 && now[0] != before[0]
	})
	if err := calling(); err != nil {
		t.Errorf("of the calls meanwhile: %v", err)
	}
	if said, content := o.prepared(); !content || !strings.Contains(said, "Nodes: 1 of 2 take workers") {
		t.Errorf("cluster prepare, content %v: %s", content, said)
	}
}

// kinds returns the templates that the generic workers are made from.
func (o *onOwnNodes) kinds() (all []string) {
	o.Helper()
	for _, p := range o.workers() {
		if kind := p.Metadata.Labels["faas.openstack.org/template"]; p.function() == "" && !slices.Contains(all, kind) {
			all = append(all, kind)
		}
	}
	return all
}

// keepCalling calls the functions one after the other until the returned function is called, which
// returns how calls have failed.
func (o *onOwnNodes) keepCalling(functions ...string) (stop func() error) {
	ctx, cancel := context.WithCancel(o.ctx)
	var all sync.WaitGroup
	errs := make([]error, len(functions))
	for i, function := range functions {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := o.call(o.ctx, function); err != nil {
					errs[i] = errors.Join(errs[i], err)
				}
			}
		})
	}
	return func() error {
		cancel()
		all.Wait()
		return errors.Join(errs...)
	}
}

// emptied takes the pool's workers away while no node takes others: callers hear why.
func (o *onOwnNodes) emptied(t *testing.T, runtime string) {
	cold := o.function(runtime)
	o.kubectl("label", "node", node, "pool-")
	o.kubectl("delete", "pods", "--namespace", namespace, "-l", "faas.openstack.org/pool", "--grace-period=0", "--force")
	o.await("the pool waits for a node", func() bool { return o.nodeless() >= 4 })
	var failure *apiclient.Error
	err := o.call(o.ctx, cold)
	if !errors.As(err, &failure) || failure.Status != http.StatusServiceUnavailable ||
		!strings.Contains(failure.Fault, "no node takes more: Unschedulable: 0/2 nodes are available") {
		t.Errorf("a call without workers: %v", err)
	}
	o.kubectl("label", "node", node, "pool=faas")
	o.await("functions run again", func() bool { return o.call(o.ctx, cold) == nil })
	o.await("no worker waits", func() bool { return o.nodeless() == 0 })
}

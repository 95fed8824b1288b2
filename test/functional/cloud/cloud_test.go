package cloud

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/test/functional/polling"
)

// env is what .cloud/env says.
var env struct {
	endpoints []string // of the APIs
	logs      string   // folder
	pids      string   // folder: a file for each part, with its process id and start time
	world     string   // address of a host outside, in a network namespace of our own
	registry  string   // host:port of the registry that asks for no password
	private   string   // of the one that asks for user and password
	user      string   // of the private registry
	password  string   // of that user
	sandbox   string   // the RuntimeClass of runtimes that are not trusted; "": they have none of their own
}

func TestMain(m *testing.M) {
	env.logs, env.pids, env.world = os.Getenv("FAAS_LOGS"), os.Getenv("FAAS_PIDS"), os.Getenv("FAAS_WORLD")
	env.registry, env.private = os.Getenv("FAAS_REGISTRY"), os.Getenv("FAAS_PRIVATE_REGISTRY")
	env.user, env.password = os.Getenv("FAAS_REGISTRY_USER"), os.Getenv("FAAS_REGISTRY_PASSWORD")
	env.sandbox = os.Getenv("FAAS_SANDBOX")
	if text := os.Getenv("FAAS_ENDPOINTS"); text != "" {
		env.endpoints = strings.Split(text, ",")
	}
	if len(env.endpoints) == 0 || env.pids == "" {
		fmt.Println("no cloud: these tests need root, make cloud-up, and what .cloud/env says in the environment;",
			"make functional does all three")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 20 * time.Minute

// functionTimeout, in seconds, is what functions of these tests may take unless the test is about
// that timeout: the default of 5 s is too short for a machine that is ten times slower or stalls.
const functionTimeout = 120

// testContext returns a context that ends with the test, and with hangTimeout at the latest.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	t.Cleanup(cancel)
	t.Cleanup(func() { describe(t) })
	return ctx
}

// describe prints the cloud's state after a test that failed: on another machine nobody can look.
func describe(t *testing.T) {
	if !t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const script = `
../../../devstack/mini/kubectl get deployments,replicasets,pods -n faas -o wide
../../../devstack/mini/kubectl get nodes
../../../devstack/mini/kubectl get events -n faas --sort-by=.lastTimestamp | tail -n 12 | cut -c 1-300
for log in "$FAAS_LOGS"/faas-engine-*.log; do
	echo "== $log"
	grep -E 'level=(WARN|ERROR)' "$log" | tail -n 12 | cut -c 1-400
done
`
	out, err := exec.CommandContext(ctx, "bash", "-c", script).CombinedOutput()
	t.Logf("the cloud as it is now (%v):\n%s", err, out)
}

// client returns a client of both APIs, balanced as an operator's load balancer would.
func client(t *testing.T) *apiclient.Client {
	t.Helper()
	b := newBalancer(env.endpoints)
	t.Cleanup(b.close)
	return &apiclient.Client{Endpoint: "http://faas", HTTP: &http.Client{Transport: b}}
}

// only returns a client of one of the two APIs; those that are pods share an address.
func only(t *testing.T, i int) *apiclient.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &apiclient.Client{Endpoint: env.endpoints[i%len(env.endpoints)], HTTP: &http.Client{Transport: transport}}
}

// create makes a function of one module in the runtime.
func create(
	ctx context.Context, t *testing.T, c *apiclient.Client, runtime, code string, f apiclient.NewFunction,
) apiclient.Function {
	t.Helper()
	rt, err := c.AwaitRuntime(ctx, runtime)
	must(t, err)
	file := "main.py"
	if runtime == "nodejs" {
		file = "main.js"
	}
	f.Package, err = apiclient.Zip(map[string]string{file: code})
	must(t, err)
	f.Name, f.RuntimeID = t.Name(), rt.ID
	f.CPU = cmp.Or(f.CPU, 1000)
	f.Timeout = cmp.Or(f.Timeout, functionTimeout)
	made, err := c.CreateFunction(ctx, f)
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = c.Do(ctx, "DELETE", "/v1/functions/"+made.ID, nil, nil) // the test's own outcome is told already
	})
	return made
}

// poolSize is [engine] pool_size, which the mini cloud leaves as it is.
const poolSize = 3

// awaitPool waits till the runtime's pool is full.
func awaitPool(ctx context.Context, t *testing.T, c *apiclient.Client, runtime string) {
	t.Helper()
	rt, err := c.AwaitRuntime(ctx, runtime)
	must(t, err)
	await(ctx, t, "the pool of "+runtime+" is full", func() bool {
		var pool struct {
			Capacity struct{ Total, Available int }
		}
		must(t, c.Do(ctx, "GET", "/v1/runtimes/"+rt.ID+"/pool", nil, &pool))
		return pool.Capacity.Available >= poolSize && pool.Capacity.Available == pool.Capacity.Total
	})
}

// await looks at the condition until it holds.
func await(ctx context.Context, t *testing.T, what string, condition func() bool) {
	t.Helper()
	polling.Await(ctx, t, what, condition)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pid returns the process id of a part of the cloud.
func pid(t *testing.T, part string) int {
	t.Helper()
	text, err := os.ReadFile(env.pids + "/" + part)
	must(t, err)
	var n int
	_, err = fmt.Sscan(string(text), &n)
	must(t, err)
	return n
}

// end sends a part a signal and waits till its process is gone.
func end(ctx context.Context, t *testing.T, part string, s syscall.Signal) {
	t.Helper()
	n := pid(t, part)
	must(t, syscall.Kill(n, s))
	await(ctx, t, part+" is gone", func() bool { return !alive(n) })
}

// pause stops the process of a part, which then neither answers nor refuses, until resume is
// called. The test's end resumes it too.
func pause(t *testing.T, part string) (resume func()) {
	t.Helper()
	n := pid(t, part)
	must(t, syscall.Kill(n, syscall.SIGSTOP))
	resume = sync.OnceFunc(func() { must(t, syscall.Kill(n, syscall.SIGCONT)) })
	t.Cleanup(resume)
	return resume
}

// alive returns a process from a zombie, which process 1 may reap late.
func alive(n int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n))
	if err != nil {
		return false
	}
	after := stat[strings.LastIndexByte(string(stat), ')')+1:]
	return !strings.HasPrefix(strings.TrimSpace(string(after)), "Z")
}

// up starts every part of the cloud that does not run, and waits for it. The variables, NAME=value,
// are settings of devstack/mini/up.
func up(ctx context.Context, t *testing.T, variables ...string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "../../../devstack/mini/up")
	cmd.Env = append(os.Environ(), variables...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the cloud does not come back: %v\n%s", err, out)
	}
}

// kubectl runs the cluster's own client and returns what it prints.
func kubectl(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "../../../devstack/mini/kubectl", args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl %v: %v: %s", args, err, bytes.TrimSpace(said.Bytes()))
	}
	return strings.TrimSpace(string(out))
}

// ofPods returns a field of each pod that has the label, once there is any: labels come a moment
// after a worker's first call.
func ofPods(ctx context.Context, t *testing.T, label, field string) []string {
	t.Helper()
	var found []string
	await(ctx, t, "a pod has the label "+label, func() bool {
		found = pods(ctx, t, label, field)
		return len(found) > 0
	})
	return found
}

// pods returns a field of all the pods that have the label now; "": of all pods.
func pods(ctx context.Context, t *testing.T, label, field string) []string {
	t.Helper()
	return strings.Fields(
		kubectl(ctx, t, "get", "pods", "-n", "faas", "-l", label, "-o", "jsonpath={.items[*]"+field+"}"),
	)
}

package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// The hostile tenant: what its code tries from inside a worker, and what comes of it.

// inEachSandbox runs the test with what keeps trusted runtimes from the machine and, where there is
// one, with what keeps the others from it.
func inEachSandbox(
	t *testing.T, test func(ctx context.Context, t *testing.T, c *apiclient.Client, runtime string),
) {
	t.Run("trusted", func(t *testing.T) { test(testContext(t), t, client(t), "python3") })
	if env.sandbox == "" {
		return
	}
	t.Run(env.sandbox, func(t *testing.T) {
		ctx, c := testContext(t), client(t)
		made := newRuntimeOf(ctx, t, c, map[string]any{
			"name": t.Name(), "image": "docker.io/faas-mini/python3:dev", "is_public": true, "trusted": false,
		})
		if r := awaitStatus(ctx, t, c, made.ID); r.Status != "available" {
			t.Fatalf("the runtime in %s: %+v", env.sandbox, r)
		}
		test(ctx, t, c, t.Name())
	})
}

// reach tries to connect to each address and, where that succeeds, to be answered.
const reach = `
import socket, threading

def main(addresses, **kwargs):
    answers = {}

    def knock(address):
        host, port = address.rsplit(":", 1)
        try:
            s = socket.create_connection((host, int(port)), timeout=15)
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answers[address] = "answered" if s.recv(1) else "closed"
        except OSError as e:
            answers[address] = type(e).__name__

    knocks = [threading.Thread(target=knock, args=[address]) for address in addresses]
    for k in knocks:
        k.start()
    for k in knocks:
        k.join()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("192.0.2.1", 9))  # sends nothing
    answers["own address"] = s.getsockname()[0]
    return answers
`

const endless = "import time\ndef main(**kwargs):\n    while True:\n        time.sleep(1)\n"

// TestNetworkIsOutOfReach tries what a function must not reach, and the world, which it may.
func TestNetworkIsOutOfReach(t *testing.T) { inEachSandbox(t, networkIsOutOfReach) }

func networkIsOutOfReach(ctx context.Context, t *testing.T, c *apiclient.Client, runtime string) {
	neighbour := create(ctx, t, c, runtime, endless, apiclient.NewFunction{Timeout: 300})
	_, err := c.Execute(ctx, neighbour.ID, false, nil) // it runs until its function is deleted
	must(t, err)
	other := ofPods(ctx, t, "faas.openstack.org/function-id="+neighbour.ID, ".status.podIP")[0]
	f := create(ctx, t, c, runtime, reach, apiclient.NewFunction{})
	apiServer := strings.TrimPrefix(
		kubectl(ctx, t, "config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"), "https://",
	)
	node, _, _ := strings.Cut(apiServer, ":")
	const aGeneric, itsAgent = "a generic worker", "its own agent"
	forbidden := map[string]string{
		"another function's worker": other + ":8090",
		"the Kubernetes API":        apiServer,
		"its service":               "10.96.0.1:443",
		"the kubelet":               node + ":10250",
		"the metadata service":      "169.254.169.254:80",
		itsAgent:                    "127.0.0.1:8090",
	}
	w := startWorld(t)
	var answers map[string]string
	await(ctx, t, "the function tries a generic worker that is not its own", func() bool {
		awaitPool(ctx, t, c, runtime)
		generic := ofPods(ctx, t, "faas.openstack.org/pool", ".status.podIP")[0]
		forbidden[aGeneric] = generic + ":8090"
		addresses := append(slices.Collect(maps.Values(forbidden)), w.address)
		x, err := c.Execute(ctx, f.ID, true, map[string]any{"addresses": addresses})
		must(t, err)
		if err := json.Unmarshal(x.Output(), &answers); err != nil {
			t.Fatalf("%s %s", x.Status, x.Result)
		}
		// The function may have got this very worker, or one of those that it tried may have ended.
		there := pods(ctx, t, "", ".status.podIP")
		return answers["own address"] != generic && slices.Contains(there, generic) && slices.Contains(there, other)
	})
	for what, address := range forbidden {
		t.Logf("%s (%s): %s", what, address, answers[address])
		got := answers[address]
		// An agent that speaks TLS only closes what does not. Its own lets itself be connected to, and
		// closes before it has read anything.
		if got == "answered" || got == "" || got == "closed" && what != itsAgent {
			t.Errorf("%s can be reached at %s", what, address)
		}
	}
	if answers[w.address] != "answered" {
		t.Errorf("the world cannot be reached: %s", answers[w.address])
	}
}

// look returns what of the machine and of the service a function can see and change.
const look = `
import os, glob

def attempt(action):
    try:
        return str(action())
    except Exception as e:
        return "refused " + type(e).__name__

def main(kill=False, **kwargs):
    if kill:
        return attempt(lambda: (os.kill(1, 9), os.getppid()))
    found = []
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
        try:
            found.append(open(path, "rb").read().decode(errors="replace"))
        except OSError:
            pass
    return {
        "uid": os.getuid(),
        "environment": " ".join(k + "=" + v for k, v in os.environ.items()) + " ".join(found),
        "service account": os.path.exists("/var/run/secrets/kubernetes.io"),
        "root": attempt(lambda: open("/written", "w")),
        "code": attempt(lambda: open("/var/faas/written", "w")),
        "run": attempt(lambda: open("/run/faas/written", "w")),
        "group": attempt(lambda: open("/sys/fs/cgroup/memory/memory.limit_in_bytes", "w").write("-1")),
        "group v2": attempt(lambda: open("/sys/fs/cgroup/memory.max", "w").write("max")),
        "host": attempt(lambda: open("/proc/1/root/etc/shadow").read()),
        "supervisor's memory": attempt(lambda: open("/proc/1/mem", "rb").read(1)),
        "kernel": attempt(lambda: open("/proc/sys/kernel/core_pattern", "w").write("|/x")),
        "setuid": attempt(lambda: os.setuid(0)),
        "mount": os.system("mount -t tmpfs none /tmp 2>/dev/null") != 0,
        "devices": [d for d in os.listdir("/dev") if d in ("sda", "vda", "mem", "kmsg", "kvm")],
    }
`

// TestMachineIsOutOfReach tries the host's files, the worker's own limits and the service's
// secrets.
func TestMachineIsOutOfReach(t *testing.T) { inEachSandbox(t, machineIsOutOfReach) }

func machineIsOutOfReach(ctx context.Context, t *testing.T, c *apiclient.Client, runtime string) {
	awaitPool(ctx, t, c, runtime)
	f := create(ctx, t, c, runtime, look, apiclient.NewFunction{})
	x, err := c.Execute(ctx, f.ID, true, nil)
	must(t, err)
	var saw map[string]any
	if err := json.Unmarshal(x.Output(), &saw); err != nil {
		t.Fatalf("%s %s", x.Status, x.Result)
	}
	if saw["uid"] == float64(0) || saw["service account"] != false || saw["mount"] != true ||
		len(saw["devices"].([]any)) > 0 {
		t.Errorf("saw %v", saw)
	}
	for _, what := range []string{
		"root", "code", "run", "group", "group v2", "host", "supervisor's memory", "kernel", "setuid",
	} {
		if !strings.HasPrefix(saw[what].(string), "refused ") {
			t.Errorf("%s: %v", what, saw[what])
		}
	}
	for _, secret := range []string{"secret", "token", "password", "FAAS_AGENT_CONFIG", "KUBERNETES_"} {
		if strings.Contains(strings.ToLower(saw["environment"].(string)), strings.ToLower(secret)) {
			t.Errorf("%q is in what processes show: %s", secret, saw["environment"])
		}
	}
	for n, input := range []map[string]any{{"kill": true}, nil, nil} {
		x, err = c.Execute(ctx, f.ID, true, input)
		// The signal to process 1 does nothing, but for gVisor's kernel, which lets a process end process
		// 1 of its own container: that call may be lost, and the next with it. Then another worker is
		// there.
		if mayEnd := runtime != "python3" && n < 2; err != nil || x.Status != "success" && !mayEnd {
			t.Errorf("after all that: %s %s %v", x.Status, x.Result, err)
		}
	}
}

// greed is a function for each limit.
const greed = `
import os, resource, time

def main(want, **kwargs):
    return globals()[want]()

def memory():
    return len(bytearray(400 << 20))

def files():
    return len([open("/dev/null") for _ in range(2000)])

def lift():
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
        return "lifted"
    except (ValueError, OSError) as e:
        return "refused " + type(e).__name__

def processes():
    born = 0
    try:
        while True:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            born += 1
    except OSError as e:
        return {"born": born, "error": type(e).__name__}

def processor():
    begun, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - begun < 3:
        pass
    return (time.process_time() - cpu) / (time.monotonic() - begun)

def fine():
    return "fine"
`

// TestLimitsHold takes more than a function may have of each thing, while a neighbour goes on
// undisturbed.
func TestLimitsHold(t *testing.T) { inEachSandbox(t, limitsHold) }

func limitsHold(ctx context.Context, t *testing.T, c *apiclient.Client, runtime string) {
	awaitPool(ctx, t, c, runtime)
	neighbour := create(ctx, t, c, runtime, echo, apiclient.NewFunction{})
	f := create(ctx, t, c, runtime, greed, apiclient.NewFunction{CPU: 200, MemorySize: 64 << 20})
	run := func(want string) apiclient.Execution {
		t.Helper()
		x, err := c.Execute(ctx, f.ID, true, map[string]string{"want": want})
		must(t, err)
		t.Logf("%s: %s %s", want, x.Status, x.Result)
		n, err := c.Execute(ctx, neighbour.ID, true, map[string]int{"n": 1})
		if err != nil || n.Status != "success" {
			t.Errorf("after %s a neighbour's call: %s %s %v", want, n.Status, n.Result, err)
		}
		return x
	}
	run("fine")
	awaitLimit(t, f.ID, "200m")
	alone := runtime == "python3" // bounded by the node's kernel, not as a part of a sandbox
	x := run("memory")
	if lost := strings.Contains(string(x.Output()), "The worker was lost"); (alone || !lost) &&
		(x.Status != "failed" || !strings.Contains(string(x.Output()), "too much resource consumption")) {
		t.Errorf("memory: %s %s", x.Status, x.Result)
	}
	if x := run("files"); x.Status != "failed" || !strings.Contains(string(x.Output()), "Too many open files") {
		t.Errorf("files: %s %s", x.Status, x.Result)
	}
	if x := run("lift"); !strings.Contains(string(x.Output()), "refused") {
		t.Errorf("limits can be lifted: %s %s", x.Status, x.Result)
	}
	if x := run("processor"); x.Status != "success" || alone && number(t, x) > 0.33 { // a sandbox reckons by itself
		t.Errorf("a limit of a fifth of a core allows %s of one", x.Output())
	}
	if x := run("processes"); x.Status == "success" && !strings.Contains(string(x.Output()), "BlockingIOError") {
		t.Errorf("processes: %s %s", x.Status, x.Result)
	}
	if x := run("fine"); x.Status != "success" {
		t.Errorf("after all that: %s %s", x.Status, x.Result)
	}
}

func number(t *testing.T, x apiclient.Execution) (n float64) {
	t.Helper()
	if _, err := fmt.Sscan(string(x.Output()), &n); err != nil {
		t.Fatalf("%s %s", x.Status, x.Result)
	}
	return n
}

// awaitLimit waits until a function's worker has its own processor limit in force.
func awaitLimit(t *testing.T, function, cpu string) {
	t.Helper()
	await(testContext(t), t, "the worker has a limit of "+cpu, func() bool {
		return kubectl(t.Context(), t, "get", "pods", "-n", "faas", "-l", "faas.openstack.org/function-id="+function,
			"-o", `jsonpath={.items[*].status.containerStatuses[?(@.name=="runtime")].resources.limits.cpu}`) == cpu
	})
}

package cloud

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/faas"
)

const (
	tlsOption  = "FAAS_KUBERNETES_WORKER_TLS="
	tlsOfPods  = `.metadata.annotations.faas\.openstack\.org/tls`
	ofWorkers  = "app.kubernetes.io/name=faas-worker"
	ofGenerics = "!faas.openstack.org/function-id"
)

// withTLS is an installation of one API and one engine, with a small pool of workers that speak TLS
// as it is told. Workers are ready once the kubelet has asked their agents.
type withTLS struct {
	*installation
	engine  *part
	client  *apiclient.Client
	runtime string
}

func newWithTLS(ctx context.Context, t *testing.T, name, mode string, options ...string) *withTLS {
	t.Helper()
	here, err := filepath.Abs(repository)
	must(t, err)
	i := &withTLS{installation: newInstallation(ctx, t, name)}
	if out, err := i.run(here, "faas-manage", "db", "sync"); err != nil {
		t.Fatalf("db sync: %v\n%s", err, out)
	}
	const secret = "FAAS_WORKER_REGISTRY_SECRET=abcdef0123456789abcdef0123456789"
	api := i.add("api", "faas-api")
	api.options = append(api.options, secret)
	i.engine = i.add("engine", "faas-engine")
	i.engine.options = append(append(i.engine.options, options...),
		secret, agentOption+agentNow, "FAAS_ENGINE_POOL_SIZE=1", tlsOption+mode)
	i.start("api", here)
	i.start("engine", here)
	i.client = i.installation.client()
	i.client.Header = map[string]string{"OpenStack-API-Version": "function-engine 1.14"} // secrets of functions
	var made apiclient.Runtime
	must(t, i.client.Do(ctx, "POST", "/v1/runtimes", map[string]any{
		"name": "python3", "image": imageNow, "trusted": true,
	}, &made))
	i.runtime = made.ID
	_, err = i.client.AwaitRuntime(ctx, "python3")
	must(t, err)
	i.awaitWorkers(mode)
	return i
}

// set restarts the engine with another worker_tls and waits for a pool of workers that are so.
func (i *withTLS) set(mode string) {
	i.Helper()
	i.engine.options[len(i.engine.options)-1] = tlsOption + mode
	i.replace("engine", repository)
	i.awaitWorkers(mode)
}

func (i *withTLS) awaitWorkers(mode string) {
	i.Helper()
	want := strings.TrimPrefix(mode, "off")
	await(i.ctx, i.T, "the pool's workers are those of worker_tls = "+mode, func() bool {
		pods := kubectl(i.ctx, i.T, "get", "pods", "-n", i.namespace, "-l", ofWorkers+","+ofGenerics, "-o",
			`jsonpath={range .items[*]}{`+tlsOfPods+`}/{.status.containerStatuses[*].ready}{"\n"}{end}`)
		ready := false
		for _, pod := range strings.Split(pods, "\n") {
			tls, are, there := strings.Cut(pod, "/")
			if !there || tls != want {
				return false
			}
			ready = ready || are == "true true"
		}
		return ready
	})
}

// passage is what passes between the service and a worker when a function is specialised and
// called, each time another.
type passage struct{ input, output, log, secret, file string }

func newPassage() passage {
	p := passage{input: rand.Text(), log: rand.Text(), secret: rand.Text(), file: strings.ToLower(rand.Text())}
	p.output = reversed(p.input)
	return p
}

func reversed(text string) string {
	var b strings.Builder
	for i := len(text) - 1; i >= 0; i-- {
		b.WriteByte(text[i])
	}
	return b.String()
}

// repeats is how often an input has its text: more than a packet, and less than a thing to wait
// for.
const repeats = 1000

const overhear = `
import os

def main(text, log, **kwargs):
    print(log, len(os.environ["PASSWORD"]))
    return text[::-1]
`

// call makes a function, calls it and returns its worker's id and address.
func (i *withTLS) call(p passage) (worker, pod string) {
	i.Helper()
	zip, err := apiclient.Zip(map[string]string{"main.py": overhear, p.file + ".txt": ""})
	must(i, err)
	f, err := i.client.CreateFunction(i.ctx, apiclient.NewFunction{
		Name: i.Name(), RuntimeID: i.runtime, Package: zip, CPU: 1000, Timeout: functionTimeout,
		Secrets: map[string]string{"PASSWORD": p.secret},
	})
	must(i, err)
	input := map[string]string{"text": strings.Repeat(p.input, repeats), "log": p.log}
	for range 2 { // the engine's way and the API's own
		x, err := i.client.Execute(i.ctx, f.ID, true, input)
		if err != nil || x.Status != "success" || !strings.Contains(string(x.Output()), p.output) {
			i.Fatalf("%s %.500s %v", x.Status, x.Result, err)
		}
	}
	await(i.ctx, i.T, "the worker is labelled as the function's", func() bool {
		found := strings.Fields(kubectl(i.ctx, i.T, "get", "pods", "-n", i.namespace, "-l",
			"faas.openstack.org/function-id="+f.ID, "-o", "jsonpath={.items[*].metadata.name} {.items[*].status.podIP}"))
		if len(found) != 2 {
			return false
		}
		worker, pod = found[0], found[1]
		return true
	})
	return worker, pod
}

// TestWorkersAreSpokenToByTLS listens between the service and its workers. Without TLS all that a
// call carries can be read there, and with it nothing.
func TestWorkersAreSpokenToByTLS(t *testing.T) {
	ctx := testContext(t)
	key, err := faas.NewWorkerKey(workersSecret)
	must(t, err)
	var i *withTLS
	for _, mode := range []string{"off", "accept", "require"} {
		wire := listenOnWire(t) // from before the first word with any of its workers
		if i == nil {
			i = newWithTLS(ctx, t, "tls", mode)
		} else {
			i.set(mode)
		}
		p := newPassage()
		worker, pod := i.call(p)
		answer := wire.catchUp(ctx, t, pod, rand.Text())
		for what, text := range map[string]string{
			"the input": p.input, "the output": p.output, "the log": p.log, "the function's secret": p.secret,
			"the package": p.file, "the worker's token": key.Token(worker),
		} {
			if shown := wire.shows(text); shown != (mode == "off") {
				t.Errorf("worker_tls = %s: %s can be read: %v", mode, what, shown)
			}
		}
		to, from := wire.bytesOf(pod)
		t.Logf("worker_tls = %s: to the worker %+v, from it %+v bytes", mode, to, from)
		passed := 2 * repeats * len(p.input)
		if secured := mode != "off"; to.secured >= passed != secured || from.secured >= passed != secured {
			t.Errorf("worker_tls = %s: a call is by TLS: %v", mode, !secured)
		}
		if let := strings.HasPrefix(answer, "HTTP/1.1 403"); let != (mode != "require") || !let && from.plain > 0 {
			t.Errorf("worker_tls = %s: who comes without TLS is answered %q", mode, answer)
		}
	}
}

package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator/local"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

// agentBinary is where TestMain has built the agent.
var agentBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "faas-engine-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	agentBinary = filepath.Join(dir, "faas-agent")
	build := exec.Command("go", "build", "-o", agentBinary, "github.com/openstack-faas/faas/cmd/faas-agent")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "the agent cannot be built:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

const (
	project = "p"
	other   = "q" // another project
)

// rig is an engine on real parts: SQLite, files, local workers, the broker within the process.
type rig struct {
	*testing.T
	dir     string
	store   *store.Store
	code    *codestore.Files
	broker  broker.Broker        // of the rig itself
	connect func() broker.Broker // returns a broker of its own for each engine
	workers *local.Orchestrator
	engine  *Engine
	limits  Limits
	runtime string
	stop    func()
}

// newRig makes a rig whose engine does not run yet, with a Python runtime.
func newRig(t *testing.T, limits func(*Limits)) *rig {
	t.Helper()
	b := broker.NewInProcess()
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return newRigOn(t, "sqlite:///"+filepath.Join(t.TempDir(), "faas.sqlite"), func() broker.Broker { return b }, limits)
}

// newRigOn makes a rig on a database, with brokers that its maker closes.
func newRigOn(t *testing.T, url string, connect func() broker.Broker, limits func(*Limits)) *rig {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	r := &rig{T: t, dir: t.TempDir(), connect: connect, broker: connect()}
	var err error
	storetest.Migrate(t, url)
	r.store, err = store.Open(t.Context(), url, store.Options{Log: log, WriteTimeout: 10 * time.Second})
	r.must(err)
	r.code, err = codestore.NewFiles(filepath.Join(r.dir, "packages"))
	r.must(err)
	r.workers, err = local.New(
		t.Context(), local.Config{Dir: filepath.Join(r.dir, "workers"), Agent: agentBinary, Log: log},
	)
	r.must(err)
	l := Limits{
		PoolSize: 1, PerFunction: 4, Workers: 10, Idle: time.Hour, Lease: 10 * time.Second, Reap: 100 * time.Millisecond,
		AsyncParallel: 16, Wait: 20 * time.Second, PackageGrace: time.Hour, PackageMemory: 1 << 20,
	}
	if limits != nil {
		limits(&l)
	}
	r.limits = l
	r.engine = r.another("engine-1")
	rt, err := r.store.CreateRuntime(
		t.Context(), faas.Runtime{ProjectID: project, Name: "python3", Image: "python3", IsPublic: true},
	)
	r.must(err)
	r.runtime = rt.ID
	r.stop = func() {}
	t.Cleanup(func() {
		r.stop()
		for _, err := range []error{r.workers.Close(), r.store.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// another makes an engine on the rig's parts.
func (r *rig) another(name string, changes ...func(*Config)) *Engine {
	cfg := Config{
		Name: name, Store: r.store, Broker: r.connect(), Code: r.code, Orchestrator: r.workers, Limits: r.limits,
		Log: slog.New(slog.DiscardHandler),
	}
	for _, change := range changes {
		change(&cfg)
	}
	return New(cfg)
}

// with makes the rig's engine anew with another configuration, before it runs.
func (r *rig) with(change func(*Config)) { r.engine = r.another("engine-1", change) }

// start runs an engine until stop.
func (r *rig) start(e *Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.Error(err)
		}
	})
}

// run starts the engine and waits for its pool.
func (r *rig) run() {
	r.Helper()
	r.stop = r.start(r.engine)
	r.await("the runtime is available", func() bool {
		rt, err := r.store.Runtime(r.Context(), faas.AnyProject(), r.runtime)
		r.must(err)
		return rt.Status == faas.RuntimeAvailable
	})
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// await waits until the condition holds.
func (r *rig) await(what string, holds func() bool) {
	r.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(hangTimeout)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			r.Fatalf("it does not come about that %s", what)
		}
	}
}

// function records a Python function of one module.
func (r *rig) function(code string) faas.Function {
	r.Helper()
	return r.functionOf(project, code)
}

func (r *rig) functionOf(project, code string) faas.Function {
	r.Helper()
	zip, err := apiclient.Zip(map[string]string{"main.py": code})
	r.must(err)
	sum := sha256.Sum256(zip)
	digest := hex.EncodeToString(sum[:])
	r.must(r.code.Put(r.Context(), digest, bytes.NewReader(zip)))
	// it may be made before the engine runs
	r.must(r.store.SetRuntimeStatus(r.Context(), r.runtime, faas.RuntimeAvailable, ""))
	f, err := r.store.CreateFunction(r.Context(), faas.Function{
		ProjectID: project, Name: "f", RuntimeID: r.runtime, Entry: faas.DefaultEntry, CPU: 1000, MemorySize: faas.DefaultMemorySize, Timeout: 2 * time.Minute,
		Code: faas.Code{Source: faas.SourcePackage, SHA256: digest, Size: int64(len(zip))},
	}, nil)
	r.must(err)
	return f
}

// enqueue records an asynchronous execution, and publishes it.
func (r *rig) enqueue(f faas.Function, input string) string {
	r.Helper()
	id := r.record(f, input)
	r.must(r.broker.Enqueue(r.Context(), faas.ExecutionsQueue(f.ProjectID), []byte(id)))
	return id
}

// record records one whose message is lost.
func (r *rig) record(f faas.Function, input string) string {
	r.Helper()
	x := faas.Execution{ID: faas.NewID(), ProjectID: f.ProjectID, FunctionID: f.ID, Input: input}
	r.must(r.store.Enqueue(r.Context(), x))
	return x.ID
}

// ended waits for the end of an execution.
func (r *rig) ended(id string) (x faas.Execution) {
	r.Helper()
	r.await("an execution ends", func() bool {
		var err error
		x, err = r.store.Execution(r.Context(), faas.AnyProject(), id)
		r.must(err)
		return x.Status.Ended()
	})
	return x
}

// inSync waits until the engine knows of every worker what the orchestrator does.
func (r *rig) inSync() {
	r.Helper()
	r.await("the engine knows the workers", func() bool {
		known := map[faas.Worker]bool{}
		for _, w := range r.engine.fleet.Workers() {
			known[w] = true
		}
		shown := r.workers.Workers()
		return len(known) == len(shown) && !slices.ContainsFunc(shown, func(w faas.Worker) bool { return !known[w] })
	})
}

// own returns the workers of a function.
func (r *rig) own(f faas.Function) (own []faas.Worker) {
	for _, w := range r.workers.Workers() {
		if w.Key.FunctionID == f.ID {
			own = append(own, w)
		}
	}
	return own
}

// onlyWorker waits until the orchestrator knows of the one worker of a function. A call is answered
// before the orchestrator is told.
func (r *rig) onlyWorker(f faas.Function) (w faas.Worker) {
	r.Helper()
	r.await("the orchestrator knows of the function's worker", func() bool {
		own := r.own(f)
		if len(own) == 1 {
			w = own[0]
		}
		return len(own) == 1
	})
	return w
}

// api makes the dispatcher of a process without an engine: it asks for workers through the broker.
func (r *rig) api(wait time.Duration) *dispatch.Dispatcher {
	d := dispatch.New(dispatch.Config{
		Client: dispatch.NewClient(r.workers.Token), Wait: wait, PerProject: 1000, Log: slog.New(slog.DiscardHandler),
		Acquire: func(ctx context.Context, req faas.AcquireRequest) (w faas.Worker, err error) {
			return w, r.broker.Call(ctx, req.Method(r.store.Shards()), req, &w)
		},
	})
	r.Cleanup(d.Close)
	return d
}

// call runs a synchronous call.
func (r *rig) call(d *dispatch.Dispatcher, f faas.Function, input string) (faas.Outcome, error) {
	target := f.Target()
	call := faas.Call{ExecutionID: faas.NewID(), Key: target.Key, Input: []byte(input), Timeout: f.Timeout}
	return d.Call(r.Context(), target, call, func(context.Context) error { return nil })
}

// count returns how many workers there are that are as asked for.
func (r *rig) count(is func(faas.Worker) bool) (n int) {
	for _, w := range r.workers.Workers() {
		if is(w) {
			n++
		}
	}
	return n
}

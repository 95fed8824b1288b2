package simulate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

// scene is what is simulated. The defaults are a small form for the unit tests.
type scene struct {
	seed                     uint64
	workers, nodes           int
	engines, apis            int
	functions, projects      int
	most                     float64 // calls of one function a second
	before, during           time.Duration
	poolSize, poolMax, extra int
	idle, stable             time.Duration
	wait                     time.Duration
}

var chosen = func() *scene {
	s := &scene{}
	flag.Uint64Var(&s.seed, "seed", 1, "what is drawn follows from it")
	flag.IntVar(&s.workers, "workers", 100, "of all functions at most")
	flag.IntVar(&s.nodes, "nodes", 10, "with room for an equal part of the workers and a fifth more")
	flag.IntVar(&s.engines, "engines", 2, "")
	flag.IntVar(&s.apis, "apis", 2, "")
	flag.IntVar(&s.functions, "functions", 120, "")
	flag.IntVar(&s.projects, "projects", 20, "")
	flag.Float64Var(&s.most, "most", 0.5, "calls of one function a second at most")
	flag.DurationVar(&s.before, "before", 30*time.Second, "that is not counted")
	flag.DurationVar(&s.during, "during", 90*time.Second, "")
	flag.IntVar(&s.poolSize, "pool-size", 3, "")
	flag.IntVar(&s.poolMax, "pool-max", 10, "")
	flag.IntVar(&s.extra, "extra", 50, "")
	flag.DurationVar(&s.idle, "idle", 5*time.Minute, "")
	flag.DurationVar(&s.stable, "stable", time.Minute, "")
	flag.DurationVar(&s.wait, "wait", 10*time.Second, "for a slot")
	return s
}()

// outcome is what came of the calls that were counted.
type outcome struct {
	mu             sync.Mutex
	waits          []time.Duration // for slots, of all calls
	coldWaits      []time.Duration // of those that waited for a worker to become the function's
	calls          int
	refused, other int
	running        time.Duration // of functions
	err            error         // one of the other failures
}

func (o *outcome) add(wait time.Duration, cold bool, took time.Duration, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	switch kind := faas.KindOf(err); {
	case kind == faas.Busy:
		o.refused++
	case err != nil:
		o.other++
		o.err = err
	default:
		o.waits = append(o.waits, wait)
		o.running += took
		if cold {
			o.coldWaits = append(o.coldWaits, wait)
		}
	}
}

// percentile returns a wait that so large a part of the waits, which are in order, are not above.
func percentile(waits []time.Duration, part float64) time.Duration {
	if len(waits) == 0 {
		return 0
	}
	return waits[min(int(part*float64(len(waits))), len(waits)-1)].Round(time.Millisecond)
}

// world is a running simulation.
type world struct {
	t       *testing.T
	scene   scene
	cluster *cluster
	store   *store.Store
	broker  broker.Broker
	files   *codestore.Files
	metrics *prometheus.Registry
	asked   statements
	apis    []*dispatch.Dispatcher
	cancel  []func()
	stop    []func()
}

// open makes the world in a bubble, and runs its engines.
func open(t *testing.T, s scene) *world {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	w := &world{
		t: t, scene: s, metrics: prometheus.NewRegistry(),
		cluster: newCluster(s.seed, s.nodes, s.workers*6/5/s.nodes+1),
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	url := "sqlite:///" + filepath.Join(inMemory(t), "faas.sqlite")
	storetest.Migrate(t, url)
	var err error
	w.store, err = store.Open(t.Context(), url, store.Options{
		Log: quiet, StatisticsEvery: time.Hour, Wrap: w.asked.wrap,
	})
	must(err)
	within := broker.NewInProcess()
	w.broker = broker.Metered(within, w.metrics)
	w.files, err = codestore.NewFiles(t.TempDir())
	must(err)
	for n := range s.engines {
		e := engine.New(engine.Config{
			Name: "engine-" + strconv.Itoa(n), Store: w.store, Broker: w.broker, Code: w.files, Orchestrator: w.cluster,
			Dial: w.cluster.dial, Log: quiet,
			Limits: engine.Limits{
				PoolSize: s.poolSize, PoolMax: s.poolMax, PoolExtra: s.extra, PerFunction: 10, Workers: s.workers,
				Idle: s.idle, Stable: s.stable, Lease: 30 * time.Second, Reap: 30 * time.Second, AsyncParallel: 32,
				Wait: s.wait, PackageGrace: time.Hour, PackageMemory: 64 << 20,
			},
		})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		w.cancel = append(w.cancel, cancel)
		w.stop = append(w.stop, func() { must(<-ended) })
		<-e.Ready()
	}
	for range s.apis {
		client := dispatch.NewClient(w.cluster.Token)
		client.Dial(w.cluster.dial)
		w.apis = append(w.apis, dispatch.New(dispatch.Config{
			Client: client, Wait: s.wait, PerProject: 10000, Log: quiet,
			Acquire: func(ctx context.Context, req faas.AcquireRequest) (found faas.Worker, err error) {
				return found, w.broker.Call(ctx, req.Method(w.store.Shards()), req, &found)
			},
		}))
	}
	w.stop = append(w.stop, func() {
		must(within.Close())
		must(w.cluster.Close())
		must(w.store.Close())
	})
	return w
}

// inMemory returns a folder in memory where there is one: what the database writes is not what is
// looked at.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "faas-simulate-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// close ends everything that runs in the bubble.
func (w *world) close() {
	for _, api := range w.apis {
		api.Close()
	}
	for _, cancel := range w.cancel { // all engines together
		cancel()
	}
	for _, stop := range w.stop {
		stop()
	}
}

// targets makes the functions.
func (w *world) targets() []faas.Target {
	w.t.Helper()
	zip, err := apiclient.Zip(map[string]string{"main.py": "def main(): pass"})
	if err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256(zip)
	digest := hex.EncodeToString(sum[:])
	rt, err := w.store.CreateRuntime(w.t.Context(), faas.Runtime{
		ProjectID: "p0", Name: "python3", Image: "python3", IsPublic: true,
	})
	if err == nil {
		err = w.store.SetRuntimeStatus(w.t.Context(), rt.ID, faas.RuntimeAvailable, "")
	}
	if err == nil {
		err = w.files.Put(w.t.Context(), digest, bytes.NewReader(zip))
	}
	if err == nil {
		err = w.broker.Enqueue(w.t.Context(), faas.QueueRuntimes, []byte(`{"runtime_id":"`+rt.ID+`"}`))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	targets := make([]faas.Target, w.scene.functions)
	for i := range targets {
		f, err := w.store.CreateFunction(w.t.Context(), faas.Function{
			ProjectID: "p" + strconv.Itoa(i%w.scene.projects), Name: "f", RuntimeID: rt.ID, Entry: faas.DefaultEntry,
			CPU: 1000, MemorySize: faas.DefaultMemorySize, Timeout: 2 * time.Minute,
			Code: faas.Code{Source: faas.SourcePackage, SHA256: digest, Size: int64(len(zip))},
		}, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		targets[i] = f.Target()
	}
	return targets
}

// call runs one call with the records that an API makes of it, and notes what came of it, if it is
// counted.
func (w *world) call(target faas.Target, api int, takes time.Duration, counted *outcome) {
	ctx, since, begun := context.Background(), time.Now(), time.Time{}
	ref := faas.FunctionRef{FunctionID: target.Key.FunctionID}
	called, err := w.store.Resolve(ctx, faas.OneProject(target.ProjectID), ref)
	if err != nil {
		w.t.Error(err)
		return
	}
	call := faas.Call{
		ExecutionID: faas.NewID(), Key: target.Key, Timeout: 2 * time.Minute,
		Input: []byte(strconv.FormatInt(max(takes.Milliseconds(), 1), 10)),
	}
	x := faas.Execution{
		ID: call.ExecutionID, ProjectID: target.ProjectID, FunctionID: ref.FunctionID, Sync: true,
		Input: string(call.Input), Owner: "api", Lease: 3 * time.Minute,
	}
	got, err := w.apis[api].Call(ctx, called.Target, call, func(ctx context.Context) error {
		begun = time.Now()
		return w.store.Start(ctx, x)
	})
	if err == nil {
		err = w.store.Finish(ctx, x.ID, store.Ending{
			Status: got.Status, Result: got.Result(), Owner: x.Owner, ProjectID: x.ProjectID,
			Sample: store.Sample{FunctionID: x.FunctionID, Took: got.Duration, Cold: got.Cold},
		})
	}
	if counted != nil {
		counted.add(begun.Sub(since), got.Cold, got.Duration, err)
	}
}

// run calls all functions by their habits and returns what came of the calls in the time that
// counts.
func (w *world) run() (*outcome, use, asked) {
	targets := w.targets()
	time.Sleep(10 * time.Second) // the pool comes up
	counted := &outcome{}
	begin := time.Now().Add(w.scene.before)
	end := begin.Add(w.scene.during)
	var calls sync.WaitGroup
	for i, h := range habits(w.scene.seed, len(targets), w.scene.most) {
		at := h.first(time.Now())
		if !at.Before(end) {
			continue
		}
		calls.Go(func() {
			for n := 1; at.Before(end); {
				time.Sleep(time.Until(at))
				var into *outcome
				if !at.Before(begin) {
					into = counted
				}
				for range n {
					api, takes := h.random.IntN(len(w.apis)), h.takes()
					calls.Go(func() { w.call(targets[i], api, takes, into) })
				}
				at, n = h.next(at)
			}
		})
	}
	time.Sleep(time.Until(begin))
	before, messages, statements := w.cluster.spent(), w.messages(), w.asked.counts()
	time.Sleep(time.Until(end))
	after := w.cluster.spent()
	others := asked{w.messages() - messages, w.asked.counts().since(statements)}
	calls.Wait()
	slices.Sort(counted.waits)
	slices.Sort(counted.coldWaits)
	return counted, use{
		genericTime: after.genericTime - before.genericTime, claimedTime: after.claimedTime - before.claimedTime,
		started: after.started - before.started, most: after.most,
	}, others
}

// asked is what broker and database were asked.
type asked struct {
	messages float64
	database counts
}

// messages returns how many messages and requests went through the broker.
func (w *world) messages() (sum float64) {
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "faas_broker_messages_sent_total":
				sum += m.GetCounter().GetValue()
			case "faas_broker_request_seconds":
				sum += 2 * float64(m.GetHistogram().GetSampleCount()) // and its answer
			}
		}
	}
	return sum
}

const header = "| pool, extra | idle | window | calls | cold | refused | all wait p95 | p99 | " +
	"cold wait p50 | p95 | p99 | workers at most | worker-hours a 1000 calls | " +
	"slots idle | started | messages a call | statements a call: reads | writes | commits |"

func (s scene) row(o *outcome, u use, a asked) string {
	n := float64(max(o.calls, 1))
	hours := (u.claimedTime + u.genericTime).Hours()
	idle := 1 - o.running.Hours()/faas.DefaultConcurrency/max(hours, 1e-9)
	return fmt.Sprintf(
		"| %d–%d, %d | %v | %v | %d | %.2f %% | %.2f %% | %v | %v | %v | %v | %v | %d | %.2f | %.0f %% | %d "+
			"| %.2f | %.2f | %.2f | %.2f |",
		s.poolSize, s.poolMax, s.extra, s.idle, s.stable,
		o.calls, 100*float64(len(o.coldWaits))/n, 100*float64(o.refused)/n,
		percentile(o.waits, .95), percentile(o.waits, .99),
		percentile(o.coldWaits, .5), percentile(o.coldWaits, .95), percentile(o.coldWaits, .99),
		u.most, hours/n*1000, 100*idle, u.started, a.messages/n,
		float64(a.database.reads)/n, float64(a.database.writes)/n, float64(a.database.commits)/n,
	)
}

// TestSimulate runs what its arguments say. Whatever is drawn, no call is lost, and calls wait no
// longer than they may.
func TestSimulate(t *testing.T) {
	s := *chosen
	synctest.Test(t, func(t *testing.T) {
		w := open(t, s)
		defer w.close()
		counted, spent, others := w.run()
		t.Logf("%d functions, %d workers, %d nodes, %d engines, %d APIs, seed %d\n%s\n%s",
			s.functions, s.workers, s.nodes, s.engines, s.apis, s.seed, header, s.row(counted, spent, others))
		if counted.other > 0 {
			t.Errorf("%d calls failed otherwise than for lack of workers, as in: %v", counted.other, counted.err)
		}
		if cold := len(counted.coldWaits); cold == 0 || cold == counted.calls {
			t.Errorf("of %d calls %d were cold", counted.calls, cold)
		}
		if longest := percentile(counted.waits, 1); longest > s.wait+time.Second {
			t.Errorf("a call waited for %v", longest)
		}
		if spent.most > s.workers+s.engines { // each decides by what it was shown
			t.Errorf("there were %d workers", spent.most)
		}
	})
}

package several

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/orchestrator/local"
)

// agentPath is where TestMain has built the agent.
var agentPath string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "faas-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	agentPath = filepath.Join(dir, "faas-agent")
	build := exec.Command("go", "build", "-o", agentPath, "github.com/openstack-faas/faas/cmd/faas-agent")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the agent: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// machine is a cluster of the tests: an orchestrator of processes, to which the way can be cut.
type machine struct {
	extensible
	name string
	dir  string
	// What of it does not answer.
	api, workers atomic.Bool
}

// extensible is what an orchestrator of processes is.
type extensible interface {
	orchestrator.Orchestrator
	orchestrator.Extender
}

func (m *machine) Answers(context.Context) error {
	if m.api.Load() {
		return errors.New("the test has cut the way to the API")
	}
	return nil
}

// cloud is the machines, and the orchestrator above them.
type cloud struct {
	*testing.T
	*Orchestrator
	machines []*machine
	agents   *dispatch.Client
}

// newCloud makes a cloud of so many machines, named a, b and so on. change may set labels and the
// like.
func newCloud(t *testing.T, machines int, change func(*Config)) *cloud {
	t.Helper()
	c := &cloud{T: t}
	secret := []byte(strings.Repeat("a secret of the tests ", 2))
	cfg := Config{
		Probe: c.probe, Every: 20 * time.Millisecond, Room: time.Hour, Log: slog.New(slog.DiscardHandler),
		Token: func(id string) string { return c.machines[0].Token(id) },
	}
	for i := range machines {
		m := &machine{name: string(rune('a' + i)), dir: filepath.Join(t.TempDir(), "state")}
		c.machines = append(c.machines, m)
		first := 200_000 + 1000*i
		cfg.Clusters = append(cfg.Clusters, Cluster{
			Name: m.name, Weight: 1, Labels: map[string]string{"zone": m.name},
			Open: func(ctx context.Context) (Member, error) {
				o, err := local.New(ctx, local.Config{
					Dir: m.dir, Agent: agentPath, Secret: secret, Log: cfg.Log,
					Users: local.Users{First: first, Last: first + 999},
				})
				m.extensible = o
				return m, err
			},
		})
	}
	if change != nil {
		change(&cfg)
	}
	o, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.Orchestrator = o
	c.agents = dispatch.NewClient(o.Token)
	t.Cleanup(c.agents.Close)
	return c
}

// closing closes the cloud after a test that does not do so itself.
func (c *cloud) closing() *cloud {
	c.Cleanup(func() {
		if err := c.Close(); err != nil {
			c.Errorf("close: %v", err)
		}
	})
	return c
}

// of returns the machine that has the worker.
func (c *cloud) of(workerID string) *machine {
	for _, m := range c.machines {
		if _, err := os.Stat(filepath.Join(m.dir, "workers", workerID)); err == nil {
			return m
		}
	}
	return nil
}

func (c *cloud) probe(ctx context.Context, w faas.Worker) error {
	if m := c.of(w.ID); m != nil && m.workers.Load() {
		return errors.New("the test has cut the way to the workers")
	}
	return c.agents.Probe(ctx, w)
}

// count returns how many workers are shown of each machine, as "2 1".
func (c *cloud) count() string {
	counts := make([]string, len(c.machines))
	for i, m := range c.machines {
		n := 0
		for _, w := range c.Workers() {
			if w.Ready && c.of(w.ID) == m {
				n++
			}
		}
		counts[i] = strconv.Itoa(n)
	}
	return strings.Join(counts, " ")
}

// await waits until the counts are as wanted.
func (c *cloud) await(want string) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), hangTimeout)
	defer cancel()
	changes := c.Watch(ctx)
	for c.count() != want {
		if _, open := <-changes; !open {
			c.Fatalf("there are %s workers, and not %s", c.count(), want)
		}
	}
}

func (c *cloud) set(pool orchestrator.Pool) error {
	pool.RuntimeID = "5f6c2b1e-8f0b-4b6e-9d55-6a0f6a9a0001"
	if pool.Image == "" {
		pool.Image = "python3"
	}
	ctx, cancel := context.WithTimeout(c.Context(), hangTimeout)
	defer cancel()
	return c.SetPool(ctx, pool)
}

func (c *cloud) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// agentOf returns the process of the worker's agent, by its machine's own record.
func (c *cloud) agentOf(t *testing.T, workerID string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.of(workerID).dir, "workers", workerID))
	var record struct{ PID int }
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	if err != nil {
		t.Fatal(err)
	}
	return record.PID
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// childOf returns a process that the other has started.
func childOf(t *testing.T, parent int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	if err != nil {
		t.Fatal(err)
	}
	for field := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(field)
		if err == nil {
			return pid
		}
	}
	t.Fatalf("process %d has no child", parent)
	return 0
}

// shows checks that the metrics have these lines.
func (c *cloud) shows(lines ...string) {
	c.Helper()
	registry := prometheus.NewRegistry()
	c.Register(registry)
	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).
		ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	for _, line := range lines {
		if !strings.Contains(page.Body.String(), line+"\n") {
			c.Errorf("there is no %s in\n%s", line, page.Body)
		}
	}
}

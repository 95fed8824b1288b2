package local

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/orchestrator/orchestratortest"
)

// agentPath is where TestMain has built the agent.
var agentPath string

// envService makes the test binary a service with a pool, for the tests that kill one: its value is
// the state directory.
const (
	envService = "FAAS_TEST_SERVICE"
	envAgent   = "FAAS_TEST_AGENT" // the agent's binary, where the tests are not to build one
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envService); dir != "" {
		serveUntilKilled(dir)
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "faas-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if agentPath = os.Getenv(envAgent); agentPath == "" {
		agentPath = filepath.Join(dir, agentBinary)
		if err := buildAgent(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func buildAgent() error {
	build := exec.Command("go", "build", "-o", agentPath, "github.com/openstack-faas/faas/cmd/faas-agent")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the agent: %w\n%s", err, out)
	}
	return nil
}

func testConfig(dir string) Config {
	return Config{Dir: dir, Agent: agentPath, Log: slog.New(slog.DiscardHandler)}
}

// open makes an orchestrator, which the test closes.
func open(t testing.TB, change func(*Config)) *Orchestrator {
	t.Helper()
	cfg := testConfig(filepath.Join(t.TempDir(), "state"))
	if change != nil {
		change(&cfg)
	}
	o, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestConformance(t *testing.T) {
	orchestratortest.Run(t, func(t *testing.T) orchestratortest.Subject {
		o := open(t, nil)
		t.Cleanup(func() { checkNothingLeft(t, o) })
		return orchestratortest.Subject{
			Orchestrator: o, Python: "python3", Other: "nodejs", Missing: "cobol85",
			KillAgent:   func(t *testing.T, id string) { kill(t, agentOf(t, o, id)) },
			KillRuntime: func(t *testing.T, id string) { kill(t, childOf(t, agentOf(t, o, id))) },
			Memory:      o.limits.host.Has("memory"), CPU: o.limits.host.Has("cpu"),
			Processes: o.limits.host.Has("pids") || o.users != nil, OwnUsers: o.users != nil,
		}
	})
}

func agentOf(t *testing.T, o *Orchestrator, id string) int {
	t.Helper()
	records, err := o.state.records()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.ID == id {
			return r.PID
		}
	}
	t.Fatalf("worker %s has no record", id)
	return 0
}

func childOf(t *testing.T, parent int) int {
	t.Helper()
	for _, pid := range allProcesses(t) {
		if fields, err := statFields(pid); err == nil && fields[1] == strconv.Itoa(parent) {
			return pid
		}
	}
	t.Fatalf("process %d has no child", parent)
	return 0
}

func allProcesses(t *testing.T) []int {
	t.Helper()
	all, err := pids()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func kill(t *testing.T, pid int) {
	t.Helper()
	started, err := startTime(pid)
	if err == nil {
		err = killExactly(pid, started)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// serveUntilKilled is the service that a test kills: it says when its pool is full.
func serveUntilKilled(dir string) {
	cfg := testConfig(dir)
	cfg.Agent = os.Getenv(envAgent)
	o, err := New(context.Background(), cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	events := o.Events(context.Background())
	err = o.SetPool(context.Background(), orchestrator.Pool{RuntimeID: "r", Image: "python3", Size: leftWorkers})
	if err != nil {
		fmt.Println(err)
		return
	}
	for ready := 0; ready < leftWorkers; {
		if e := <-events; e.Kind == orchestrator.Ready {
			ready++
		}
	}
	fmt.Println("full")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test has killed this process, or is gone itself
}

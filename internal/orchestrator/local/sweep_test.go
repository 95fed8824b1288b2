package local

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

const leftWorkers = 3

// The agents of a killed service end by themselves. Here an agent was killed too, so that its
// runtime is orphaned: after the next start nothing of them may be left.
func TestNextStartSweeps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	service := startService(t, dir)
	state := &stateDir{dir: dir}
	records, err := state.records()
	if err != nil || len(records) != leftWorkers {
		t.Fatalf("%v, %v", records, err)
	}
	run, err := state.oldRunDir()
	if err != nil {
		t.Fatal(err)
	}
	kill(t, service.Process.Pid)
	kill(t, records[1].PID)
	_ = service.Wait()

	o, err := New(t.Context(), testConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if runs(r.PID, r.Started) {
			t.Errorf("agent %d is left", r.PID)
		}
	}
	for _, pid := range allProcesses(t) {
		if names(pid, run) {
			t.Errorf("process %d is left", pid)
		}
	}
	if children := groupChildren(t, o); len(children) > 0 {
		t.Errorf("control groups are left: %v", children)
	}
	if _, err := os.Lstat(run); !os.IsNotExist(err) {
		t.Errorf("the folder %s is left: %v", run, err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	checkNothingLeft(t, o)
}

// startService runs this test binary as a service and returns when its pool is full.
func startService(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	service := exec.Command(os.Args[0])
	service.Env = append(os.Environ(), envService+"="+dir, envAgent+"="+agentPath)
	out, err := service.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.StdinPipe(); err != nil { // it ends with the test
		t.Fatal(err)
	}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "full" {
		t.Fatalf("the service said %q, %v", line, err)
	}
	return service
}

// An agent that hangs does not end by itself. Here a shell that only sleeps takes its place.
func TestSweepKillsAnAgentThatHangs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	state, err := openState(dir)
	if err != nil {
		t.Fatal(err)
	}
	hung := exec.Command("sleep", "600")
	if err := hung.Start(); err != nil {
		t.Fatal(err)
	}
	started, err := startTime(hung.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []record{
		{ID: faas.NewID(), PID: hung.Process.Pid, Started: started},
		{ID: faas.NewID(), PID: os.Getpid(), Started: 1}, // its agent is gone and this process has the number now
	} {
		if err := state.keep(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := state.close(); err != nil {
		t.Fatal(err)
	}
	o, err := New(t.Context(), testConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	if runs(hung.Process.Pid, started) {
		t.Error("it still runs")
	}
	_ = hung.Wait()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	checkNothingLeft(t, o)
}

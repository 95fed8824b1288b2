package local

import (
	"os"
	"os/exec"
	"testing"
)

func TestProcessesAreToldApartByTheirStart(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	started, err := startTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := killExactly(pid, started+1); err != nil {
		t.Errorf("another that had its number: %v", err)
	}
	if !runs(pid, started) || runs(pid, started+1) || !ofUser(pid, os.Geteuid()) || ofUser(pid, 4711) {
		t.Error("it is not told what it is")
	}
	if err := killExactly(pid, started); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it was not killed")
	}
	if err := killExactly(pid, started); err != nil || runs(pid, started) {
		t.Errorf("after its end: %v", err)
	}
}

// Where workers have no users of their own, a process that was left behind is found by its
// environment.
func TestKillLeft(t *testing.T) {
	const id = "f9a3c1de-8f0b-4b6e-9d55-6a0f6a9a7777"
	mine, other := exec.Command("sleep", "600"), exec.Command("sleep", "600")
	mine.Env, other.Env = []string{"FAAS_SOCKET=/x/" + id + "/tmp/s"}, []string{"X=y"}
	for _, cmd := range []*exec.Cmd{mine, other} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := killLeft(t.Context(), 0, id); err != nil {
		t.Fatal(err)
	}
	started, err := startTime(other.Process.Pid)
	if err != nil || !runs(other.Process.Pid, started) {
		t.Errorf("a stranger was killed: %v", err)
	}
	_ = mine.Wait()
	_ = other.Process.Kill()
	_ = other.Wait()
}

package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// group makes a group on the real host, or skips the test where the host allows none.
func group(t *testing.T, needs ...string) *Group {
	t.Helper()
	h := Probe()
	for _, c := range needs {
		if !h.Has(c) {
			t.Skipf("no %s controller here: %s", c, h.Missing[c])
		}
	}
	g, err := h.Create(fmt.Sprintf("faas-test-%d/%s", os.Getpid(), strings.ToLower(t.Name())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Kill(); err != nil {
			t.Error(err)
		}
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
		for _, dir := range g.at.dirs() {
			_ = os.Remove(filepath.Dir(dir))
		}
	})
	return g
}

// inGroup starts a shell that runs the script once it is in the group.
func inGroup(t *testing.T, g *Group, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", "read go; "+script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, "go")
	return cmd
}

func TestMemoryKills(t *testing.T) {
	g := group(t, "memory")
	for _, bytes := range []int64{64 << 20, 256 << 20, 16 << 20} { // grows and shrinks
		if err := g.SetMemory(bytes); err != nil {
			t.Fatal(err)
		}
	}
	cmd := inGroup(t, g, "exec head -c 100000000 /dev/zero | tail -c 90000000 >/dev/null")
	_ = cmd.Wait()
	if n, err := g.OOMKills(); err != nil || n == 0 {
		t.Errorf("kills: %d, %v", n, err)
	}
}

func TestMemoryUsage(t *testing.T) {
	g := group(t, "memory")
	cmd := inGroup(t, g, "sleep 60")
	defer func() { _ = cmd.Wait() }()
	if n, err := g.MemoryUsage(); err != nil || n < 0 {
		t.Errorf("usage: %d, %v", n, err)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
}

func TestPidsHold(t *testing.T) {
	g := group(t, "pids")
	if err := g.SetPids(1); err != nil {
		t.Fatal(err)
	}
	if err := inGroup(t, g, "(exit 0) && exit 0; exit 9").Wait(); err == nil {
		t.Error("a second process could be started")
	}
}

func TestCPUHolds(t *testing.T) {
	g := group(t, "cpu")
	if err := g.SetCPU(100); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	cmd := inGroup(t, g, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	wall, used := time.Since(begun), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	if used > 20*time.Millisecond && float64(used)/float64(wall) > 0.25 {
		t.Errorf("used %v of cpu in %v under 100 millicores", used, wall)
	}
}

func TestKillLeavesNothing(t *testing.T) {
	g := group(t, "pids")
	cmd := inGroup(t, g, "for i in 1 2 3 4 5; do setsid sleep 60 & done; wait")
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if pids, err := g.Procs(); err != nil || len(pids) > 0 {
		t.Errorf("left: %v, %v", pids, err)
	}
	again := Open(g.Location())
	if err := again.Remove(); err != nil {
		t.Error(err)
	}
	if err := again.Remove(); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
}

// TestKillFindsWhomOneControllerKnows has a process that joined the first controller alone, as the
// child of one that was joining has.
func TestKillFindsWhomOneControllerKnows(t *testing.T) {
	g := group(t, "memory", "pids")
	if g.at.Version != 1 {
		t.Skip("in version 2 there is nothing to join but the group")
	}
	cmd := inGroup(t, Open(Location{Version: 1, Memory: g.at.Memory}), "exec sleep 60")
	if pids, err := g.Procs(); err != nil || !slices.Equal(pids, []int{cmd.Process.Pid}) {
		t.Errorf("has %v, %v", pids, err)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Process.Kill() // should the group not have found it
	_ = cmd.Wait()
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
}

// TestKillLiftsTheCPULimit: what is killed needs time of a processor to end.
func TestKillLiftsTheCPULimit(t *testing.T) {
	g := group(t, "cpu")
	if err := g.SetCPU(20); err != nil {
		t.Fatal(err)
	}
	cmd := inGroup(t, g, "exec sleep 60")
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	name, unlimited := "cpu.cfs_quota_us", "-1"
	if g.at.Version == 2 {
		name, unlimited = "cpu.max", "max "
	}
	got, err := os.ReadFile(filepath.Join(g.at.CPU, name))
	if err != nil || !strings.HasPrefix(string(got), unlimited) {
		t.Errorf("%s is %q, %v", name, got, err)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", "..", "../x", "/x", "a/../../b"} {
		if _, err := Probe().Create(name); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

// Without controllers every method is harmless.
func TestNothingHere(t *testing.T) {
	h := &Host{Missing: missing("because")}
	g, err := h.Create("x")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{g.SetMemory(1), g.SetCPU(1), g.SetPids(1), g.Add(os.Getpid()), g.Kill(), g.Remove()} {
		if err != nil {
			t.Error(err)
		}
	}
	if g.HasMemory() || g.HasCPU() || g.HasPids() {
		t.Error("claims a controller")
	}
}

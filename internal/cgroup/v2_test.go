package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A host without version 2 controllers cannot show what is written to them, so a plain directory
// takes the files here.
func TestLimitsV2(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"memory.max", "memory.swap.max", "cpu.max", "pids.max", "memory.current", "memory.events",
	} {
		content := ""
		switch name {
		case "memory.current":
			content = "4096\n"
		case "memory.events":
			content = "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 0\n"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := Open(Location{Version: 2, Memory: dir, CPU: dir, Pids: dir})
	for _, err := range []error{g.SetMemory(1 << 20), g.SetCPU(250), g.SetPids(12)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"memory.max": "1048576", "memory.swap.max": "0", "cpu.max": "5000 20000", "pids.max": "12",
	} {
		if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if n, err := g.MemoryUsage(); n != 4096 || err != nil {
		t.Errorf("usage %d, %v", n, err)
	}
	if n, err := g.OOMKills(); n != 3 || err != nil {
		t.Errorf("kills %d, %v", n, err)
	}
}

// The real version 2 file system makes groups, takes processes and kills them even where it has no
// controller to offer.
func TestKillV2(t *testing.T) {
	mounts, err := readMounts("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(mounts, func(m mount) bool { return m.kind == "cgroup2" })
	if i < 0 {
		t.Skip("no version 2 here")
	}
	dir, err := os.MkdirTemp(mounts[i].dir, "faas-test-")
	if err != nil {
		t.Skip("not ours to write: ", err)
	}
	g := Open(Location{Version: 2, Pids: dir})
	cmd := inGroup(t, g, "sleep 60 & sleep 60")
	if pids, err := g.Procs(); err != nil || len(pids) == 0 {
		t.Errorf("processes: %v, %v", pids, err)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
}

func TestMounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mountinfo")
	lines := []string{
		"22 1 0:20 / /proc rw,relatime shared:5 - proc proc rw",
		"30 25 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory",
		"31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
		"32 25 0:28 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate",
		"damaged", "", "1 2 3 - cgroup2",
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	mounts, err := readMounts(path)
	if err != nil || len(mounts) != 3 {
		t.Fatalf("got %v, %v", mounts, err)
	}
	if mounts[1].dir != "/sys/fs/cgroup/cpu,cpuacct" || !slices.Contains(mounts[1].options, "cpu") ||
		mounts[2].kind != "cgroup2" {
		t.Errorf("got %v", mounts)
	}
}

package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOwn(t *testing.T) {
	two := t.TempDir()
	group := filepath.Join(two, "a", "b")
	if err := os.MkdirAll(group, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{two, group} {
		if err := os.WriteFile(filepath.Join(dir, "memory.current"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one := mount{dir: "/m", root: "/", kind: "cgroup", options: []string{"rw", "memory"}}
	for name, c := range map[string]struct {
		mounts      []mount
		memberships string
		want        Location
	}{
		"version 1": {
			[]mount{one},
			"5:cpu:/x\n4:memory:/a/b\n0::/\n", Location{Version: 1, Memory: "/m/a/b"},
		},
		"version 1, two controllers in one": {
			[]mount{{dir: "/m", root: "/", kind: "cgroup", options: []string{"memory", "cpu"}}},
			"4:cpu,memory:/a\n", Location{Version: 1, Memory: "/m/a"},
		},
		"version 1, as a container sees it": {
			[]mount{{dir: "/m", root: "/pods/p", kind: "cgroup", options: []string{"memory"}}},
			"4:memory:/pods/p\n", Location{Version: 1, Memory: "/m"},
		},
		"version 1, not ours": {
			[]mount{{dir: "/m", root: "/pods/q", kind: "cgroup", options: []string{"memory"}}},
			"4:memory:/pods/p\n", Location{},
		},
		"version 2": {
			[]mount{{dir: two, root: "/", kind: "cgroup2"}},
			"0::/a/b\n", Location{Version: 2, Memory: group},
		},
		"version 2, as a container sees it": {
			[]mount{{dir: two, root: "/", kind: "cgroup2"}},
			"0::/\n", Location{Version: 2, Memory: two},
		},
		"version 2 without memory": {
			[]mount{{dir: "/nowhere", root: "/", kind: "cgroup2"}},
			"0::/\n", Location{},
		},
		"both, version 1 has the controller": {
			[]mount{{dir: two, root: "/", kind: "cgroup2"}, one},
			"0::/\n4:memory:/a\n", Location{Version: 1, Memory: "/m/a"},
		},
		"none": {nil, "4:memory:/a\n0::/\n", Location{}},
	} {
		if got := own(c.mounts, c.memberships); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// What a real group says of itself.
func TestOwnMemory(t *testing.T) {
	g := group(t, "memory")
	if n, err := g.MemoryLimit(); err != nil || n != 0 {
		t.Errorf("limit of a fresh group: %d, %v", n, err)
	}
	if err := g.SetMemory(64 << 20); err != nil {
		t.Fatal(err)
	}
	if n, err := g.MemoryLimit(); err != nil || n != 64<<20 {
		t.Errorf("limit: %d, %v", n, err)
	}
	command := inGroup(t, g, "exec sleep 60")
	defer func() { _ = command.Wait() }()
	defer func() { _ = g.Kill() }()
	use, err := g.MemoryInUse()
	if usage, err := g.MemoryUsage(); err != nil || use > usage {
		t.Errorf("in use: %d of %d, %v", use, usage, err)
	}
	if err != nil || use < 0 {
		t.Errorf("in use: %d, %v", use, err)
	}
	if err := (&Group{}).Kill(); err != nil || (&Group{}).HasMemory() {
		t.Error("a group that is none")
	}
}

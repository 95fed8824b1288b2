package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Own returns the group to which this process's memory is charged, for watching it: within a
// container, the container's own. Its HasMemory is false where the group cannot be determined.
func Own() *Group {
	mounts, err := readMounts("/proc/self/mountinfo")
	if err != nil {
		return &Group{}
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return &Group{}
	}
	return &Group{at: own(mounts, string(text))}
}

// own finds the directory of the memory controller. Version 1 comes first: where both are mounted,
// the controller is there.
func own(mounts []mount, memberships string) Location {
	two := Location{}
	for line := range strings.Lines(memberships) { // "4:memory:/path" in version 1, "0::/path" in version 2: cgroups(7)
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, m := range mounts {
			dir, ok := m.find(parts[2])
			switch {
			case !ok:
			case m.kind == "cgroup" && slices.Contains(m.options, "memory") &&
				slices.Contains(strings.Split(parts[1], ","), "memory"):
				return Location{Version: 1, Memory: dir}
			case m.kind == "cgroup2" && parts[0] == "0" && exists(filepath.Join(dir, "memory.current")):
				two = Location{Version: 2, Memory: dir}
			}
		}
	}
	return two
}

// find returns the directory of a group within a mount, which may show only a part of the
// hierarchy: a container sees its own.
func (m mount) find(path string) (string, bool) {
	below, err := filepath.Rel(m.root, path)
	if err != nil || !filepath.IsLocal(below) {
		return "", false
	}
	return filepath.Join(m.dir, below), true
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

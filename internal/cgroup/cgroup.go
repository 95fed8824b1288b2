// Package cgroup limits the memory, CPU time and number of a worker's processes with Linux control
// groups, version 1 or 2, where the host allows this process to make groups. A host that does not
// allow it is no error: Host.Missing says why.
package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Host says what this process may limit on this machine.
type Host struct {
	Version int               // 1 or 2; 0 when no controller can be used
	Missing map[string]string // controller (memory, cpu, pids) to why it cannot be used
	bases   Location          // the directories that groups are made in
}

// Has reports whether groups made here have the controller: memory, cpu or pids.
func (h *Host) Has(controller string) bool { return h.bases.dir(controller) != "" }

// Location says where one group is, so that another process can find it. A controller's empty
// directory means that the group lacks it. In version 2 all are the same directory.
type Location struct {
	Version int    `json:"version"`
	Memory  string `json:"memory,omitempty"`
	CPU     string `json:"cpu,omitempty"`
	Pids    string `json:"pids,omitempty"`
}

// controllers are the ones this package uses, in the order in which their directories are made and
// left.
var controllers = [...]string{"memory", "cpu", "pids"}

func (l *Location) dir(controller string) string { return *l.slot(controller) }

func (l *Location) slot(controller string) *string {
	switch controller {
	case "memory":
		return &l.Memory
	case "cpu":
		return &l.CPU
	default:
		return &l.Pids
	}
}

// dirs returns the location's directories, each once.
func (l *Location) dirs() []string {
	var all []string
	for _, c := range controllers {
		dir := l.dir(c)
		if dir != "" && (len(all) == 0 || all[len(all)-1] != dir) {
			all = append(all, dir)
		}
	}
	return all
}

// Group is one control group. Its setters do nothing where the group lacks the controller; the Has…
// methods report whether it has it. Methods may be called concurrently.
type Group struct{ at Location }

// Create makes a group without limits. The name may have several parts, as in "faas-a/worker"; the
// groups above are made too. A group that exists is used as it is.
func (h *Host) Create(name string) (*Group, error) {
	if name == "" || !filepath.IsLocal(name) {
		return nil, fmt.Errorf("cgroup name %q leads elsewhere", name)
	}
	g := &Group{at: Location{Version: h.Version}}
	for _, c := range controllers {
		if base := h.bases.dir(c); base != "" {
			*g.at.slot(c) = filepath.Join(base, name)
		}
	}
	for _, base := range h.bases.dirs() {
		if err := h.makeBelow(base, name); err != nil {
			_ = g.Remove()
			return nil, err
		}
	}
	return g, nil
}

// makeBelow makes the directories of the name one by one: in version 2 each must enable its
// controllers for the next.
func (h *Host) makeBelow(dir, name string) error {
	parts := strings.Split(filepath.Clean(name), string(filepath.Separator))
	for i, part := range parts {
		dir = filepath.Join(dir, part)
		if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
			return fmt.Errorf("make cgroup: %w", err)
		}
		if h.Version == 2 && i < len(parts)-1 {
			for _, c := range controllers {
				if h.Has(c) {
					_ = enable(dir, c) // when it fails, the limit's file is missing and setting it says so
				}
			}
		}
	}
	return nil
}

// Open returns a group that was created before, perhaps by another process.
func Open(at Location) *Group { return &Group{at: at} }

// Location returns where the group is.
func (g *Group) Location() Location { return g.at }

// HasMemory reports whether SetMemory, MemoryUsage and OOMKills mean something.
func (g *Group) HasMemory() bool { return g.at.Memory != "" }

// HasCPU reports whether SetCPU means something.
func (g *Group) HasCPU() bool { return g.at.CPU != "" }

// HasPids reports whether SetPids means something.
func (g *Group) HasPids() bool { return g.at.Pids != "" }

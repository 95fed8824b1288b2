package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Probe determines which controllers this process can use, by making a group with each. It prefers
// the version that has more of them, and version 2 when both have as many. With version 2 it
// enables the controllers in its own group for the groups below; the kernel allows that only in a
// group without processes, so Probe may move this process into a group of its own below.
func Probe() *Host {
	mounts, err := readMounts("/proc/self/mountinfo")
	if err != nil {
		return &Host{Missing: missing(err.Error())}
	}
	one, two := probeV1(mounts), probeV2(mounts)
	if one.count() > two.count() {
		return one
	}
	return two
}

func (h *Host) count() int { return len(controllers) - len(h.Missing) }

// found builds the answer from what each controller's probe said.
func found(version int, try func(controller string) (base string, err error)) *Host {
	h := &Host{Version: version, Missing: map[string]string{}, bases: Location{Version: version}}
	for _, c := range controllers {
		base, err := try(c)
		if err != nil {
			h.Missing[c] = err.Error()
			continue
		}
		*h.bases.slot(c) = base
	}
	if h.count() == 0 {
		h.Version = 0
	}
	return h
}

func missing(why string) map[string]string {
	m := map[string]string{}
	for _, c := range controllers {
		m[c] = why
	}
	return m
}

var errNotMounted = errors.New("the host has not mounted it")

func probeV1(mounts []mount) *Host {
	return found(1, func(controller string) (string, error) {
		i := slices.IndexFunc(mounts, func(m mount) bool {
			return m.kind == "cgroup" && slices.Contains(m.options, controller)
		})
		if i < 0 {
			return "", errNotMounted
		}
		return mounts[i].dir, tryGroup(mounts[i].dir, limitFileV1[controller])
	})
}

func probeV2(mounts []mount) *Host {
	i := slices.IndexFunc(mounts, func(m mount) bool { return m.kind == "cgroup2" })
	if i < 0 {
		return &Host{Missing: missing(errNotMounted.Error())}
	}
	bases := []string{mounts[i].dir}
	if own, err := ownV2(mounts[i].dir); err == nil && own != bases[0] {
		bases = []string{own, bases[0]} // what was delegated to us comes first
	}
	return found(2, func(controller string) (string, error) {
		var failed error
		for _, base := range bases {
			if failed = tryV2(base, controller); failed == nil {
				return base, nil
			}
		}
		return "", failed
	})
}

func tryV2(base, controller string) error {
	offered, err := os.ReadFile(filepath.Join(base, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("not delegated: %w", err)
	}
	if !slices.Contains(strings.Fields(string(offered)), controller) {
		return fmt.Errorf("%s does not offer it", base)
	}
	if err := enable(base, controller); err != nil {
		return fmt.Errorf("not delegated: %w", err)
	}
	return tryGroup(base, limitFileV2[controller])
}

// enable enables the controller for the groups below dir. The kernel refuses that for a group that
// has processes itself, except the root. If this process is the only one in it, it moves to a group
// of its own first.
func enable(dir, controller string) error {
	set := func() error {
		return os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
	}
	err := set()
	if !errors.Is(err, syscall.EBUSY) {
		return err
	}
	own := filepath.Join(dir, "faas-main")
	if err := os.Mkdir(own, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	if err := os.WriteFile(filepath.Join(own, "cgroup.procs"), []byte("0"), 0); err != nil {
		return err
	}
	return set()
}

// The file that sets a group's limit, by which a controller is known to be there.
var (
	limitFileV1 = map[string]string{"memory": "memory.limit_in_bytes", "cpu": "cpu.cfs_quota_us", "pids": "pids.max"}
	limitFileV2 = map[string]string{"memory": "memory.max", "cpu": "cpu.max", "pids": "pids.max"}
)

// tryGroup makes a group, tries to set its limit, and removes it.
func tryGroup(base, limitFile string) error {
	dir, err := os.MkdirTemp(base, "faas-probe-")
	if err != nil {
		return err
	}
	defer func() { _ = removeDir(dir) }()
	f, err := os.OpenFile(filepath.Join(dir, limitFile), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

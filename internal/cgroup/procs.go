package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Add moves a process into the group. The children that it starts later are in the group too; those
// that it has already stay where they are.
func (g *Group) Add(pid int) error {
	for _, dir := range g.at.dirs() {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("move process into cgroup: %w", err)
		}
	}
	return nil
}

// Exists reports whether any controller knows the group, so that it has processes at all.
func (g *Group) Exists() bool { return len(g.at.dirs()) > 0 }

// Procs returns the ids of the group's processes; none when the group is gone or has no controller.
// In version 1 that is whom any of the controllers knows: a process joins them one after the other,
// and the children that it starts between two joins are known to the first ones only.
func (g *Group) Procs() ([]int, error) {
	var all []int
	for _, dir := range g.at.dirs() {
		pids, err := procsOf(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, pids...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func procsOf(dir string) ([]int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read cgroup's processes: %w", err)
	}
	var pids []int
	for _, field := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("read cgroup's processes: %w", err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// killTimeout bounds how long killed processes may take to end, and the kernel to forget them. They
// take more than a moment while the kernel writes out a page, and on a busy machine where a hundred
// groups with all their memory end at once.
const killTimeout = 30 * time.Second

// Nobody is told of the end of another's process, so it is looked for, ever more rarely: a hundred
// groups that end at once must not use up the processors that their processes need to end.
const (
	firstPause = time.Millisecond
	lastPause  = 32 * time.Millisecond
)

// rest waits for the pause and returns the next.
func rest(pause time.Duration) time.Duration {
	time.Sleep(pause)
	return min(2*pause, lastPause)
}

// Kill ends every process of the group and returns when none is left. The caller need not be their
// parent.
func (g *Group) Kill() error {
	for _, dir := range g.at.dirs() {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) // version 2, from Linux 5.14 on
	}
	if g.HasPids() {
		_ = g.SetPids(0) // nothing forks itself away while it is being killed
	}
	_ = g.liftCPU() // to end takes time of a processor too, seconds of it at a tenth of one
	end := time.Now().Add(killTimeout)
	for pause := firstPause; ; pause = rest(pause) {
		pids, err := g.Procs()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if time.Now().After(end) {
			return fmt.Errorf("cgroup has %d processes that do not die", len(pids))
		}
	}
}

// Remove deletes the group, which must have no process left. It waits a moment for the kernel to
// forget those that have ended. The groups above it stay. A group that does not exist is no error.
func (g *Group) Remove() error {
	var failed error
	for _, dir := range g.at.dirs() {
		failed = errors.Join(failed, removeDir(dir))
	}
	return failed
}

func removeDir(dir string) error {
	end := time.Now().Add(killTimeout)
	for pause := firstPause; ; pause = rest(pause) {
		err := syscall.Rmdir(dir)
		switch {
		case err == nil || errors.Is(err, syscall.ENOENT):
			return nil
		case !errors.Is(err, syscall.EBUSY) || time.Now().After(end):
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
		if pids, _ := procsOf(dir); len(pids) > 0 {
			return fmt.Errorf("remove cgroup %s: it has processes", dir)
		}
	}
}

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
)

// period is the time, in microseconds, over which a CPU quota is counted. With the kernel's default
// of 100 ms, a function of 100 millicores is throttled for up to 90 ms once it has used its 10;
// with 20 ms it is throttled for 18 at most. A shorter period would bring its quota of 2 ms near
// the kernel's minimum of 1 ms, and cost context switches.
const period = 20_000

// minQuota is the smallest quota that the kernel accepts, in microseconds.
const minQuota = 1000

// SetMemory limits the memory of the group's processes together, in bytes, without swap in
// addition. A limit below what is in use is an error (EBUSY in version 1) when the kernel cannot
// reclaim enough.
func (g *Group) SetMemory(bytes int64) error {
	if !g.HasMemory() {
		return nil
	}
	text := strconv.FormatInt(bytes, 10)
	if g.at.Version == 2 {
		if err := write(g.at.Memory, "memory.max", text); err != nil {
			return err
		}
		return optional(write(g.at.Memory, "memory.swap.max", "0"))
	}
	// The limit with swap may never be below the one without, so which of the two is written first
	// depends on whether the limit grows.
	if err := write(g.at.Memory, "memory.limit_in_bytes", text); errors.Is(err, syscall.EINVAL) {
		if err := write(g.at.Memory, "memory.memsw.limit_in_bytes", text); err != nil {
			return err
		}
		return write(g.at.Memory, "memory.limit_in_bytes", text)
	} else if err != nil {
		return err
	}
	return optional(write(g.at.Memory, "memory.memsw.limit_in_bytes", text))
}

// SetCPU limits the CPU time of the group's processes together, in thousandths of one core.
func (g *Group) SetCPU(millicores int) error {
	if !g.HasCPU() {
		return nil
	}
	quota := max(minQuota, millicores*period/1000)
	if g.at.Version == 2 {
		return write(g.at.CPU, "cpu.max", fmt.Sprintf("%d %d", quota, period))
	}
	if err := write(g.at.CPU, "cpu.cfs_period_us", strconv.Itoa(period)); err != nil {
		return err
	}
	return write(g.at.CPU, "cpu.cfs_quota_us", strconv.Itoa(quota))
}

// liftCPU removes the limit of SetCPU.
func (g *Group) liftCPU() error {
	switch {
	case !g.HasCPU():
		return nil
	case g.at.Version == 2:
		return write(g.at.CPU, "cpu.max", "max")
	default:
		return write(g.at.CPU, "cpu.cfs_quota_us", "-1")
	}
}

// SetPids limits the number of the group's processes and threads together.
func (g *Group) SetPids(n int) error {
	if !g.HasPids() {
		return nil
	}
	return write(g.at.Pids, "pids.max", strconv.Itoa(n))
}

// MemoryUsage returns the bytes that are charged to the group now, page cache included; 0 without
// the controller.
func (g *Group) MemoryUsage() (int64, error) {
	if !g.HasMemory() {
		return 0, nil
	}
	name := "memory.current"
	if g.at.Version == 1 {
		name = "memory.usage_in_bytes"
	}
	b, err := os.ReadFile(filepath.Join(g.at.Memory, name))
	if err != nil {
		return 0, fmt.Errorf("read memory use: %w", err)
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

// MemoryInUse returns the bytes that are charged to the group and that the kernel cannot reclaim
// for free: all but the inactive page cache. 0 without the controller.
func (g *Group) MemoryInUse() (int64, error) { return g.memoryWithout("inactive_file") }

// MemoryHeld returns the bytes that are charged to the group and that only the end of a process
// frees: all but the page cache. 0 without the controller.
func (g *Group) MemoryHeld() (int64, error) { return g.memoryWithout("inactive_file", "active_file") }

// memoryWithout returns the group's charge less the named lines of memory.stat.
func (g *Group) memoryWithout(names ...string) (int64, error) {
	usage, err := g.MemoryUsage()
	if err != nil || usage == 0 {
		return 0, err
	}
	stat, err := os.ReadFile(filepath.Join(g.at.Memory, "memory.stat"))
	if err != nil {
		return 0, fmt.Errorf("read memory use: %w", err)
	}
	for line := range strings.Lines(string(stat)) {
		name, text, _ := strings.Cut(line, " ")
		if g.at.Version == 1 {
			var total bool // with the groups below it
			if name, total = strings.CutPrefix(name, "total_"); !total {
				continue
			}
		}
		if slices.Contains(names, name) {
			cache, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read memory use: %w", err)
			}
			usage -= cache
		}
	}
	return max(usage, 0), nil
}

// MemoryLimit returns the group's own limit in bytes; 0 when it has none.
func (g *Group) MemoryLimit() (int64, error) {
	if !g.HasMemory() {
		return 0, nil
	}
	name := "memory.max"
	if g.at.Version == 1 {
		name = "memory.limit_in_bytes"
	}
	b, err := os.ReadFile(filepath.Join(g.at.Memory, name))
	if err != nil {
		return 0, fmt.Errorf("read memory limit: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if text == "max" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if n >= unbounded {
		return 0, err
	}
	return n, err
}

// unbounded is more bytes than any machine has, and less than what version 1 shows for no limit:
// the greatest multiple of a page's size.
const unbounded = 1 << 60

// OOMKills returns how many of the group's processes the kernel has killed because the group was
// out of memory; 0 without the controller.
func (g *Group) OOMKills() (int, error) {
	if !g.HasMemory() {
		return 0, nil
	}
	name := "memory.events"
	if g.at.Version == 1 {
		name = "memory.oom_control"
	}
	b, err := os.ReadFile(filepath.Join(g.at.Memory, name))
	if err != nil {
		return 0, fmt.Errorf("read kills for memory: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strconv.Atoi(strings.TrimSpace(count))
		}
	}
	return 0, nil // kernels before 4.13 do not count
}

func write(dir, name, text string) error {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0); err != nil {
		return fmt.Errorf("set cgroup limit: %w", err)
	}
	return nil
}

// optional ignores the error of a file that kernels without swap accounting do not have.
func optional(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil
	}
	return err
}

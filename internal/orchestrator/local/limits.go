package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/faas"
)

// limits bounds workers by control groups: one for the service, and one below it for each worker.
type limits struct {
	host       *cgroup.Host
	name       string // of the service's group
	slots      int
	processes  int
	poolCPU    int
	poolMemory int64
}

func newLimits(name string, cfg Config) *limits {
	return &limits{
		host: cgroup.Probe(), name: name, slots: cfg.Slots, processes: cfg.Processes.Processes,
		poolCPU: cfg.PoolCPU, poolMemory: cfg.PoolMemory,
	}
}

// group makes a worker's group under the pool's ceiling; nil where the host grants none.
func (l *limits) group(workerID string) (*cgroup.Group, error) {
	if l.host.Version == 0 {
		return nil, nil // no group is an answer here
	}
	group, err := l.host.Create(l.name + "/" + workerID)
	if err != nil {
		return nil, err
	}
	err = errors.Join(group.SetMemory(l.poolMemory), group.SetCPU(l.poolCPU), group.SetPids(l.processes+warmTasks))
	if err != nil {
		return nil, errors.Join(err, group.Remove())
	}
	return group, nil
}

// own sets the function's own limits: its memory in addition to the warm runtime's, its CPU, and
// its processes in addition to the runtime's.
func (l *limits) own(ctx context.Context, group *cgroup.Group, warm footprint, target faas.Target) error {
	if group == nil {
		return nil
	}
	return errors.Join(
		setMemory(ctx, group, warm.memory+target.MemorySize), group.SetCPU(target.CPU),
		group.SetPids(warm.tasks+l.processes),
	)
}

// setMemory sets the limit. Version 1 refuses a limit below what is in use. Then the function has
// already used more than its own memory, under its pool's ceiling; the process that uses most is
// killed, as the kernel would have done under the limit.
func setMemory(ctx context.Context, group *cgroup.Group, bytes int64) error {
	for {
		err := group.SetMemory(bytes)
		if !errors.Is(err, syscall.EBUSY) {
			return err
		}
		if killed := killLargest(ctx, group); killed != nil {
			return errors.Join(err, killed)
		}
	}
}

// killLargest kills the group's largest process, except the runtime's root, and returns when its
// memory is free.
func killLargest(ctx context.Context, group *cgroup.Group) error {
	pids, err := group.Procs()
	if err != nil {
		return err
	}
	largest := member{private: -1}
	for _, m := range describeMembers(pids) {
		if !m.root && m.private > largest.private {
			largest = m
		}
	}
	if largest.pid == 0 {
		return errors.New("there is no process to end for it but the runtime's first")
	}
	if err := killExactly(largest.pid, largest.started); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, agentGrace)
	defer cancel()
	return until(ctx, func() bool { return !runs(largest.pid, largest.started) })
}

// sweep ends the groups of an earlier process.
func (l *limits) sweep(ctx context.Context) error {
	if l.host.Version == 0 {
		return nil
	}
	parent, err := l.host.Create(l.name)
	if err != nil {
		return err
	}
	for _, name := range childGroups(parent.Location()) {
		child, err := l.host.Create(l.name + "/" + name)
		if err != nil {
			return err
		}
		if err := errors.Join(child.Kill(), child.Remove(), ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// childGroups returns the names of the groups below the location in any controller.
func childGroups(at cgroup.Location) []string {
	seen := map[string]bool{}
	var names []string
	for _, dir := range []string{at.Memory, at.CPU, at.Pids} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // "" for a controller that we do not have
		}
		for _, entry := range entries {
			if entry.IsDir() && !seen[entry.Name()] {
				seen[entry.Name()] = true
				names = append(names, entry.Name())
			}
		}
	}
	return names
}

// close removes the service's group, and before it those of workers that could not be removed when
// they ended: with the machine busy, the kernel may have taken too long to forget their processes.
func (l *limits) close() error {
	if l.host.Version == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), sweepTimeout)
	defer cancel()
	if err := l.sweep(ctx); err != nil {
		return err
	}
	group, err := l.host.Create(l.name)
	if err != nil {
		return err
	}
	if err := group.Remove(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(l.name), err)
	}
	return nil
}

package agent

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/openstack-faas/faas/internal/cgroup"
)

// children is the place beneath this process, which takes all of the process's children for the runtime's.
type children struct {
	runtime Process
	group   *cgroup.Group // whose memory is watched; nil where there is none
	join    bool          // the root is moved into the group; else this process is in it too

	slots int
	root  int // process id; 0 before start
	dead  chan os.Signal
	done  chan struct{}
	wait  sync.WaitGroup
}

func newChildren(runtime Process, group *cgroup.Group, join bool) *children {
	return &children{runtime: runtime, group: group, join: join, dead: make(chan os.Signal, 1), done: make(chan struct{})}
}

func (c *children) start(_ context.Context, l launch, ended func(error)) error {
	signal.Notify(c.dead, syscall.SIGCHLD)
	pid, err := startRoot(c.runtime, l)
	if err == nil && c.join && c.group != nil {
		err = c.group.Add(pid)
	}
	c.root, c.slots = pid, l.Slots
	c.wait.Go(func() { c.reap(ended) })
	return err
}

// reap waits for the ends of processes until end is called.
func (c *children) reap(ended func(error)) {
	for {
		if gone, status := reap(c.root); gone {
			ended(fmt.Errorf("the runtime's root process ended: %s", describe(status)))
		}
		select {
		case <-c.dead:
		case <-c.done:
			return
		}
	}
}

func (c *children) bounded() bool {
	if c.group == nil || c.join {
		return c.group != nil && c.group.HasMemory() // whoever made it for us bounds it
	}
	limit, err := c.group.MemoryLimit()
	return err == nil && limit > 0
}

func (c *children) oomKills() (int, error) {
	if c.group == nil {
		return 0, nil
	}
	return c.group.OOMKills()
}

func (c *children) sweep(slot int) error {
	return killAll(func() ([]int, error) {
		all, err := relations()
		return leftovers(os.Getpid(), c.root, slot, all), err
	})
}

func (c *children) end() error {
	var failed error
	if c.join && c.group != nil {
		failed = c.group.Kill()
	}
	if os.Getpid() == 1 {
		_ = syscall.Kill(-1, syscall.SIGKILL) // all there are, at once: nothing forks itself away
	}
	err := killAll(func() ([]int, error) {
		all, err := relations()
		return descendants(os.Getpid(), all), err
	})
	if err != nil {
		failed = err
	}
	signal.Stop(c.dead)
	close(c.done)
	c.wait.Wait()
	return failed
}

func describe(status syscall.WaitStatus) string {
	if status.Exited() {
		return fmt.Sprintf("status %d", status.ExitStatus())
	}
	return "signal " + status.Signal().String()
}

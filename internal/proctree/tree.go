// Package proctree holds a language runtime's processes beneath the process that imports it: it
// starts the root process under its limits, reaps every descendant, ends what a call leaves behind
// and reports what the kernel says of their memory. The agent uses it where the runtime lives
// beneath it, the supervisor in a pod's other container.
package proctree

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/supervision"
)

// KillTimeout bounds how long processes that were killed may take to die.
const KillTimeout = 5 * time.Second

// Tree is the processes of one runtime. It takes all children of this process for the runtime's, so
// there is at most one in a process. Its methods may be called concurrently once Start has
// returned.
type Tree struct {
	runtime agentconfig.Process
	group   *cgroup.Group // whose memory is watched; nil where there is none
	join    bool          // the root is moved into the group; else this process is in it too

	slots int
	root  int                   // process id; 0 before Start
	guard atomic.Pointer[guard] // nil before Hold
	dead  chan os.Signal
	done  chan struct{}
	wait  sync.WaitGroup
}

// New returns the tree of a runtime that is not started yet. The group may be nil. With join the
// root is moved into the group; without it this process is a member of the group as well.
func New(runtime agentconfig.Process, group *cgroup.Group, join bool) *Tree {
	return &Tree{runtime: runtime, group: group, join: join, dead: make(chan os.Signal, 1), done: make(chan struct{})}
}

// Start starts the root process. It calls ended once the root has ended, perhaps before it returns.
func (t *Tree) Start(_ context.Context, l supervision.Launch, ended func(error)) error {
	signal.Notify(t.dead, syscall.SIGCHLD)
	pid, err := startRoot(t.runtime, l)
	if err == nil && t.join && t.group != nil {
		err = t.group.Add(pid)
	}
	t.root, t.slots = pid, l.Slots
	t.wait.Go(func() { t.reap(ended) })
	return err
}

// reap waits for the ends of processes until End is called.
func (t *Tree) reap(ended func(error)) {
	for {
		if gone, status := reap(t.root); gone {
			ended(fmt.Errorf("the runtime's root process ended: %s", describe(status)))
		}
		select {
		case <-t.dead:
		case <-t.done:
			return
		}
	}
}

// Root returns the process id of the root, 0 before Start.
func (t *Tree) Root() int { return t.root }

// Bounded reports whether the kernel holds the runtime to its memory.
func (t *Tree) Bounded() bool {
	if t.group == nil || t.join {
		return t.group != nil && t.group.HasMemory() // whoever made it for us bounds it
	}
	limit, err := t.group.MemoryLimit()
	return err == nil && limit > 0
}

// OOMKills returns how many processes the kernel, or the guard in its place, has killed up to now
// for taking too much memory.
func (t *Tree) OOMKills() (int, error) {
	if t.group == nil {
		return 0, nil
	}
	n, err := t.group.OOMKills()
	if g := t.guard.Load(); g != nil {
		n += int(g.kills.Load())
	}
	return n, err
}

// Sweep ends a slot's process, 0 for none, with all that is beneath it, and what slots before it
// have left behind: see leftovers.
func (t *Tree) Sweep(slot int) error {
	return killAll(func() ([]int, error) {
		all, err := t.relations()
		return leftovers(os.Getpid(), t.root, slot, all), err
	})
}

// End ends every process and stops reaping. It must be called once, whatever Start returned.
func (t *Tree) End() error {
	var failed error
	if t.join && t.group != nil {
		failed = t.group.Kill()
	}
	if os.Getpid() == 1 {
		_ = syscall.Kill(-1, syscall.SIGKILL) // all there are, at once: nothing forks itself away
	}
	err := killAll(func() ([]int, error) {
		all, err := t.relations()
		return descendants(os.Getpid(), all), err
	})
	if err != nil {
		failed = err
	}
	signal.Stop(t.dead)
	close(t.done)
	t.wait.Wait()
	return failed
}

func describe(status syscall.WaitStatus) string {
	if status.Exited() {
		return fmt.Sprintf("status %d", status.ExitStatus())
	}
	return "signal " + status.Signal().String()
}

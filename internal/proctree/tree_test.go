package proctree

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/cgroup"
)

// TestRelationsOfGroup has two processes, one of them in the worker's group: a worker's end and
// each slot's end look at the worker's own processes, however many others the machine has.
func TestRelationsOfGroup(t *testing.T) {
	host := cgroup.Probe()
	if host.Version == 0 {
		t.Skip("no control groups: ", host.Missing)
	}
	group, err := host.Create(fmt.Sprintf("faas-proctree-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	inside, outside := sleeper(t), sleeper(t)
	t.Cleanup(func() {
		if err := group.Kill(); err != nil {
			t.Error(err)
		}
		if err := group.Remove(); err != nil {
			t.Error(err)
		}
	})
	if err := group.Add(inside); err != nil {
		t.Fatal(err)
	}
	for uid, all := range map[int]bool{0: true, 210000: false} { // only a user of its own cannot leave
		relations, err := New(agentconfig.Process{UID: uid}, group, true).relations()
		if err != nil {
			t.Fatal(err)
		}
		seen := func(pid int) bool {
			return slices.ContainsFunc(relations, func(r relation) bool { return r.pid == pid })
		}
		if !seen(inside) || !seen(os.Getpid()) || seen(outside) != all {
			t.Errorf("user %d: it sees inside %v, itself %v, outside %v of %d",
				uid, seen(inside), seen(os.Getpid()), seen(outside), len(relations))
		}
	}
}

// sleeper starts a process that ends with the test.
func sleeper(t *testing.T) (pid int) {
	t.Helper()
	command := exec.Command("sleep", "600")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command.Process.Pid
}

package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// checkNothingLeft looks for what a closed orchestrator may have left on the machine.
func checkNothingLeft(t *testing.T, o *Orchestrator) {
	t.Helper()
	if _, err := os.Lstat(o.run); !os.IsNotExist(err) {
		t.Errorf("the folder %s is left: %v", o.run, err)
	}
	if records, err := o.state.records(); err != nil || len(records) > 0 {
		t.Errorf("records are left: %v, %v", records, err)
	}
	if groups := groupsOf(t, o); len(groups) > 0 {
		t.Errorf("control groups are left: %v", groups)
	}
	for _, pid := range allProcesses(t) {
		if pid != os.Getpid() && names(pid, o.run) {
			t.Errorf("process %d is left", pid)
		}
		if fields, err := statFields(pid); err == nil && fields[0] == "Z" && parentIsUs(fields) {
			t.Errorf("zombie %d is left", pid)
		}
	}
}

func parentIsUs(fields []string) bool { return fields[1] == strconv.Itoa(os.Getpid()) }

// groupsOf returns the directories of the orchestrator's control groups.
func groupsOf(t *testing.T, o *Orchestrator) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"/sys/fs/cgroup/" + o.limits.name, "/sys/fs/cgroup/*/" + o.limits.name} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

func openFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil {
			all = append(all, target)
		}
	}
	slices.Sort(all)
	return all
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// A service runs for months. What fifty workers leave behind, each worker leaves.
func TestFiftyWorkersLeaveNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts fifty workers")
	}
	files := len(openFiles(t))
	o := open(t, nil)
	events := o.Events(t.Context())
	const size, workers = 5, 50
	if err := o.SetPool(t.Context(), orchestrator.Pool{RuntimeID: "r", Image: "python3", Size: size}); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(hangTimeout)
	for ready := 0; ready < workers; {
		select {
		case e := <-events:
			if e.Kind != orchestrator.Ready {
				continue
			}
			if ready++; ready > workers-size { // the last ones stay
				continue
			}
			target := faas.Target{Key: faas.Key{FunctionID: faas.NewID()}, CPU: 100, MemorySize: 32 << 20}
			if err := o.Claimed(t.Context(), e.Worker.ID, orchestrator.Claim{Target: target}); err != nil {
				t.Fatal(err)
			}
			if err := o.Remove(t.Context(), e.Worker.ID); err != nil {
				t.Fatal(err)
			}
		case <-deadline:
			t.Fatalf("after %d workers there come no more: %+v", ready, o.Workers())
		}
	}
	const each, others = 4, 10 // three pipes and a pidfd; the lock and what the Go runtime opens once
	if all := openFiles(t); len(all) > files+each*size+others {
		t.Errorf("%d files are open for %d workers, %d were before: %v", len(all), size, files, all)
	}
	if n := len(groupChildren(t, o)); n > size {
		t.Errorf("%d control groups for %d workers", n, size)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	checkNothingLeft(t, o)
}

// TestCloseEndsWhatIsLeftInItsGroups has a group with a process that its worker's end has missed.
func TestCloseEndsWhatIsLeftInItsGroups(t *testing.T) {
	o := open(t, nil)
	if o.limits.host.Version == 0 {
		t.Skip("no control groups here")
	}
	left, err := o.limits.host.Create(o.limits.name + "/left")
	if err != nil {
		t.Fatal(err)
	}
	sleeping := exec.Command("sleep", "60")
	if err := sleeping.Start(); err != nil {
		t.Fatal(err)
	}
	if err := left.Add(sleeping.Process.Pid); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- sleeping.Wait() }()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	_ = sleeping.Process.Kill() // should it not have been found
	<-ended
	checkNothingLeft(t, o)
}

func groupChildren(t *testing.T, o *Orchestrator) []string {
	t.Helper()
	if o.limits.host.Version == 0 {
		return nil
	}
	parent, err := o.limits.host.Create(o.limits.name)
	if err != nil {
		t.Fatal(err)
	}
	return childGroups(parent.Location())
}

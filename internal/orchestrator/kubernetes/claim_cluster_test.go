package kubernetes

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

func testTarget() faas.Target {
	return faas.Target{
		Key: faas.Key{FunctionID: faas.NewID(), Revision: 1}, ProjectID: "project", RuntimeID: runtimeID,
		CPU: 300, MemorySize: 64 << 20,
	}
}

// readyPool returns the pool's workers once it has so many.
func readyPool(t *testing.T, o *Orchestrator, size int) []faas.Worker {
	t.Helper()
	if err := o.SetPool(t.Context(), pythonPool(size)); err != nil {
		t.Fatal(err)
	}
	o.until(t, "a full pool", poolOf(size))
	return o.Workers()
}

func podOf(t *testing.T, o *Orchestrator, workerID string) *corev1.Pod {
	t.Helper()
	pod, err := o.pods().Get(t.Context(), workerID, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

func TestClaimInTheCluster(t *testing.T) {
	o := open(t, clusterConfig(t))
	defer closing(t, o)
	w := readyPool(t, o, 2)[0]
	before := podOf(t, o, w.ID)
	if before.Status.QOSClass != corev1.PodQOSBurstable {
		t.Errorf("a worker's class of service is %s", before.Status.QOSClass)
	}
	target := testTarget()
	begun := time.Now()
	if err := o.Claimed(t.Context(), w.ID, orchestrator.Claim{Target: target, Footprint: 20 << 20}); err != nil {
		t.Fatal(err)
	}
	t.Logf("labelled and resized after %s", time.Since(begun))
	pod := podOf(t, o, w.ID)
	if _, generic := pod.Labels[labelPool]; generic || pod.Labels[labelFunction] != target.Key.FunctionID ||
		pod.Labels[labelProject] != "project" {
		t.Errorf("its labels are %v", pod.Labels)
	}
	if owners := pod.OwnerReferences; len(owners) != 1 || owners[0].Kind != "NetworkPolicy" {
		t.Errorf("its owners are %+v", owners)
	}
	checkGroup(t, pod, "cpu.max", "cpu/cpu.cfs_quota_us", "30000")
	checkGroup(t, pod, "memory.max", "memory/memory.limit_in_bytes", "96468992") // 20 + 64 + 8 MiB
	if restarts, _ := restartsOf(pod); restarts != 0 {
		t.Error("the resize started it again")
	}
	o.until(t, "the pool to be filled again", poolOf(2))
	t.Logf("filled again after %s", time.Since(begun))

	// Its only owner is the policy: it survives the end of the pool, and not the end of the policy.
	if err := o.DeletePool(t.Context(), runtimeID); err != nil {
		t.Fatal(err)
	}
	o.until(t, "the claimed worker alone", func(all []faas.Worker) bool { return len(all) == 1 && all[0].ID == w.ID })
	err := o.client.NetworkPolicies(o.cfg.Namespace).Delete(t.Context(), policyName, metav1.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o.until(t, "nothing to be left", func(all []faas.Worker) bool { return len(all) == 0 })
	if err := o.SetPool(t.Context(), pythonPool(1)); err != nil {
		t.Errorf("a pool after the policy was deleted: %v", err)
	}
}

// A worker that uses more memory than its limit before the limits are set still gets its CPU limit.
func TestGreedyClaimInTheCluster(t *testing.T) {
	cfg := clusterConfig(t)
	cfg.Request.Memory = 1 << 20
	o := open(t, cfg)
	defer closing(t, o)
	w := readyPool(t, o, 1)[0]
	target := testTarget()
	target.MemorySize = 0
	claim := orchestrator.Claim{Target: target, Footprint: 1} // less than an interpreter uses
	if err := o.Claimed(t.Context(), w.ID, claim); err != nil {
		t.Fatal(err)
	}
	pod := podOf(t, o, w.ID)
	checkGroup(t, pod, "cpu.max", "cpu/cpu.cfs_quota_us", "30000")
	checkGroup(t, pod, "memory.max", "memory/memory.limit_in_bytes", strconv.FormatInt(o.cfg.Ceiling.Memory, 10))
}

// checkGroup reads what the kernel enforces on the runtime's container, on the cluster's own node.
func checkGroup(t *testing.T, pod *corev1.Pod, v2, v1, want string) {
	t.Helper()
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name != runtimeContainer {
			continue
		}
		_, id, _ := strings.Cut(c.ContainerID, "://")
		for _, file := range []string{v1, v2} {
			found, err := findGroupFile(file, id)
			if err != nil {
				t.Fatal(err)
			}
			if found == "" {
				continue
			}
			text, err := os.ReadFile(found)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, _ := strings.Cut(strings.TrimSpace(string(text)), " "); got != want {
				t.Errorf("%s says %s, not %s", found, got, want)
			}
			return
		}
		t.Skip("the cluster's node is another machine")
	}
}

func findGroupFile(file, id string) (string, error) {
	top := "/sys/fs/cgroup"
	controller, name := filepath.Split(file)
	found := ""
	err := filepath.WalkDir(filepath.Join(top, controller), func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.Contains(entry.Name(), id) {
			if _, err := os.Stat(filepath.Join(path, name)); err == nil {
				found = filepath.Join(path, name)
				return filepath.SkipAll
			}
		}
		return nil //nolint:nilerr // groups come and go
	})
	return found, err
}

// While the API server is away, what is known stands, and what is asked for is done when it is
// back.
func TestAPIServerIsAway(t *testing.T) {
	cfg := clusterConfig(t)
	door := newDoor(t, &cfg)
	o := open(t, cfg)
	defer closing(t, o)
	workers := readyPool(t, o, 3)
	door.shut()
	if now := o.Workers(); len(now) != 3 || !now[0].Ready {
		t.Errorf("the workers known are %+v", now)
	}
	impatient, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := o.Remove(impatient, workers[0].ID); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("remove: %v", err)
	}
	claimed := make(chan error, 1)
	target := testTarget()
	go func() {
		claimed <- o.Claimed(t.Context(), workers[1].ID, orchestrator.Claim{Target: target, Footprint: 20 << 20})
	}()
	select {
	case err := <-claimed:
		t.Errorf("claimed without an API server: %v", err)
	case <-time.After(4 * time.Second): // long enough for pauses to have grown
	}
	begun := time.Now()
	door.open(t)
	if err := <-claimed; err != nil {
		t.Errorf("claimed: %v", err)
	}
	t.Logf("claimed %s after the API server was back", time.Since(begun))
	o.until(t, "one removed, one claimed, three new ones", func(all []faas.Worker) bool {
		found := false
		for _, w := range all {
			if w.ID == workers[0].ID {
				return false
			}
			found = found || w.ID == workers[1].ID && w.Key == target.Key
		}
		return found && poolOf(3)(all)
	})
	t.Logf("all as asked for %s after the API server was back", time.Since(begun))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// sandbox measures what runtimes that are not trusted cost more, in the RuntimeClass that they have
// here: two runtimes of one image, one after the other.
func sandbox(ctx context.Context, r *report, c *apiclient.Client, o options) error {
	class := os.Getenv("FAAS_SANDBOX")
	if class == "" {
		return errors.New("no FAAS_SANDBOX: CLOUD_GVISOR=1 devstack/mini/up has a sandbox")
	}
	for _, kind := range []struct {
		name    string
		trusted bool
	}{{"trusted", true}, {class, false}} {
		if err := inSandbox(ctx, r, c, o, kind.name, kind.trusted); err != nil {
			return fmt.Errorf("runtime %s: %w", kind.name, err)
		}
	}
	return nil
}

// inSandbox measures a runtime that it makes for that.
func inSandbox(ctx context.Context, r *report, c *apiclient.Client, o options, name string, trusted bool) error {
	var rt apiclient.Runtime
	begun := time.Now()
	if err := c.Do(ctx, "POST", "/v1/runtimes", map[string]any{
		"name": name, "image": "docker.io/faas-mini/python3:dev", "is_public": true, "trusted": trusted,
	}, &rt); err != nil {
		return err
	}
	defer func() {
		_ = c.Do(context.WithoutCancel(ctx), "DELETE", "/v1/runtimes/"+rt.ID, nil, nil) // refused while it is in use
	}()
	rt, err := c.AwaitRuntime(ctx, name)
	if err != nil {
		return err
	}
	r.add(name+": runtime made, first worker ready", time.Since(begun).Seconds(), "s", "")
	if err := awaitPool(ctx, c, rt); err != nil {
		return err
	}
	r.add(name+": runtime made, pool of 3 full", time.Since(begun).Seconds(), "s", "")
	size, err := podMemory(ctx, rt.ID)
	if err != nil {
		return err
	}
	r.add(name+": warm worker, its pod's processes and shim, PSS", size, "MiB", "")
	if err := coldStarts(ctx, r, c, rt, "main.py", echo, "", o.cold/3); err != nil {
		return err
	}
	f, err := create(ctx, c, rt, "main.py", echo)
	if err != nil {
		return err
	}
	for _, callers := range []int{1, 20} {
		if _, _, err := load(ctx, c, f, callers, o.each/4); err != nil {
			return err
		}
		if err := awaitPool(ctx, c, rt); err != nil {
			return err
		}
		took, failed, err := load(ctx, c, f, callers, o.each)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%s: warm, synchronous, %d at a time,", name, callers)
		r.add(what+" p50", ms(quantile(took, 0.5)), "ms", "")
		r.add(what+" p99", ms(quantile(took, 0.99)), "ms", "")
		r.add(what+" rate", float64(len(took))/o.each.Seconds(), "calls/s", "")
		r.add(what+" failed", float64(failed), "calls", "target: 0")
	}
	return c.Do(ctx, "DELETE", "/v1/functions/"+f.ID, nil, nil)
}

// podMemory returns what a generic worker's pod holds: its processes, a sandbox among them if there
// is one, and the shim that containerd has for it. Pages that several share count once among those.
func podMemory(ctx context.Context, runtimeID string) (mib float64, err error) {
	out, err := exec.CommandContext(ctx, "devstack/mini/kubectl", "get", "pods", "--namespace", "faas",
		"-l", "faas.openstack.org/pool="+runtimeID, "-o", "jsonpath={.items[0].metadata.uid}").Output()
	if err != nil {
		return 0, fmt.Errorf("kubectl: %w", err)
	}
	processes, containers, err := inPod(string(out))
	if err != nil || len(processes) == 0 {
		return 0, fmt.Errorf("the pod %s has no processes: %w", out, err)
	}
	for pid := range shimsOf(containers) {
		processes = append(processes, pid)
	}
	for _, pid := range processes {
		mib += rollup(pid)
	}
	return mib, nil
}

// inPod returns the processes in the control groups of the pod, and the ids of its containers,
// which the groups are named by.
func inPod(uid string) (processes []int, containers []string, err error) {
	root := "/sys/fs/cgroup/memory"
	if _, err := os.Stat(root); err != nil {
		root = "/sys/fs/cgroup"
	}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "cgroup.procs" || !strings.Contains(path, "/pod"+uid) {
			return nil //nolint:nilerr // a group that has gone meanwhile
		}
		containers = append(containers, filepath.Base(filepath.Dir(path)))
		text, _ := os.ReadFile(path)
		for field := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				processes = append(processes, pid)
			}
		}
		return nil
	})
	return processes, containers, err
}

// shimsOf finds the shims that serve containers: their arguments name one of the pod's.
func shimsOf(containers []string) map[int]bool {
	found := map[int]bool{}
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		arguments := strings.Split(string(text), "\x00")
		if !strings.Contains(filepath.Base(arguments[0]), "containerd-shim") {
			continue
		}
		if slices.ContainsFunc(containers, func(id string) bool { return slices.Contains(arguments, id) }) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			found[pid] = true
		}
	}
	return found
}

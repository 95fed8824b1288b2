package functional

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/testkit"
)

// meets returns once so many calls of the round have begun. Workers are different users: each makes
// its files in the folder that all share.
const meets = `
import os, time
def main(round, n, folder):
    mark = "round-%s-" % round
    open(os.path.join(folder, "%s%d-%d" % (mark, os.getpid(), time.monotonic_ns())), "w").close()
    while sum(name.startswith(mark) for name in os.listdir(folder)) < n:
        time.sleep(0.01)
    return n
`

// TestWorkersFollowCalls has as many calls at once as a worker can run, then twice as many: they
// are on one worker, then on two. Detached, the function has none, and its next call gets a new
// one.
func TestWorkersFollowCalls(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 2\nworker_idle_time = 3600\n", &log)
	defer stop(t, s)
	f := python(ctx, t, s.Client, meets)
	folder := testkit.SharedFolder(t)
	workers := func() int {
		var answer struct{ Workers []any }
		if err := s.Client.Do(ctx, "GET", "/v1/functions/"+f.ID+"/workers", nil, &answer); err != nil {
			t.Fatal(err)
		}
		return len(answer.Workers)
	}
	for _, c := range []struct{ calls, workers int }{{3, 1}, {6, 2}} {
		var wait sync.WaitGroup
		for range c.calls {
			wait.Go(func() {
				x, err := s.Client.Execute(ctx, f.ID, true, map[string]any{"round": c.calls, "n": c.calls, "folder": folder})
				if err != nil || x.Status != "success" {
					t.Errorf("one of %d calls: %+v, %v", c.calls, x, err)
				}
			})
		}
		wait.Wait()
		if got := workers(); got != c.workers {
			t.Errorf("%d calls at once are on %d workers, want %d", c.calls, got, c.workers)
		}
	}
	if err := s.Client.Do(ctx, "POST", "/v1/functions/"+f.ID+"/detach", nil, nil); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "a detached function has no workers", func() bool { return workers() == 0 })
	x, err := s.Client.Execute(ctx, f.ID, true, map[string]any{"round": "last", "n": 1, "folder": folder})
	if err != nil || x.Status != "success" || workers() != 1 {
		t.Errorf("the call after that: %+v, %v, %d workers", x, err, workers())
	}
}

// TestLimitsFollowUpdates changes a function's limits: the next call has the new ones.
func TestLimitsFollowUpdates(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 1\n", &log)
	defer stop(t, s)
	f := limited(ctx, t, s.Client)
	call := func(what string) apiclient.Execution {
		x, err := s.Client.Execute(ctx, f, true, map[string]string{"what": what})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	change := func(body map[string]any) {
		if err := s.Client.Do(ctx, "PUT", "/v1/functions/"+f, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	check := func(x apiclient.Execution, status, output string) {
		t.Helper()
		if x.Status != status || string(x.Output()) != output {
			t.Errorf("%s %s, want %s %s", x.Status, x.Result, status, output)
		}
	}
	const timeout, resources = `"Function execution timeout."`,
		`"Function execution failed because of too much resource consumption"`
	if os.Geteuid() == 0 { // else the bound is each process's own, and MemoryError is what is told
		check(call("memory"), "failed", resources)
		change(map[string]any{"memory_size": 128 << 20})
		check(call("memory"), "success", "4")
	}
	change(map[string]any{"timeout": 2})
	check(call("time"), "failed", timeout)
	change(map[string]any{"timeout": functionTimeout})
	check(call("time"), "success", fmt.Sprint(3))
}

// limited makes a function of the least memory. It uses more than that, or three seconds, as told.
func limited(ctx context.Context, t *testing.T, c *apiclient.Client) string {
	t.Helper()
	return pythonWithin(ctx, t, c, `
import time
def main(what):
    if what == "memory":
        return len([bytearray(b"x" * (20 << 20)) for _ in range(4)])
    time.sleep(3)
    return 3
`, functionTimeout).ID
}

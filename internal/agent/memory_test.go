package agent_test

import (
	"sync"
	"testing"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/faas"
)

// holder holds so many MiB for a moment: what is freed before the call ends was used all the same.
var holder = map[string]files{
	"python3": {"main.py": "def f(n):\n    print('begun')\n    return len(bytearray(n << 20)) >> 20"},
	"nodejs": {
		"main.js": "exports.f = ({n}) => { console.log('begun'); return Buffer.alloc(n << 20, 1).length / (1 << 20); };",
	},
}

// TestMemoryBeforeOwnLimit calls functions of 32 MiB in a worker whose group still has its pool's
// ceiling: from the first call on they may use their own memory and no more than what is reckoned for
// slots that have not started yet.
func TestMemoryBeforeOwnLimit(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		for runtime, code := range holder {
			t.Run(runtime, func(t *testing.T) {
				r := begin(t, runtime, withGroup(t, 512<<20)).specialise("main.f", code)
				for range 2 {
					out := r.call(`{"n": 160}`)
					if out.Status != faas.ExecutionFailed || text(t, out.Output) != faas.OutputResources || out.Log != "begun\n" {
						t.Errorf("160 MiB of 32: %s %q", out.Output, out.Log)
					}
					if out := r.call(`{"n": 16}`); string(out.Output) != "16" {
						t.Errorf("16 MiB of 32: %s %s", out.Output, out.Log)
					}
				}
			})
		}
	})
}

// TestMemoryTogether has every slot hold what all of them together may not.
func TestMemoryTogether(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", withGroup(t, 512<<20)).specialise("main.f", files{"main.py": `
import os, time
def f(n, name):
    held = bytearray(n << 20)
    open(os.environ["HOME"] + "/" + name, "w").close()
    while not os.path.exists(os.environ["HOME"] + "/go"):
        time.sleep(0.005)
    return len(held) >> 20
`})
		var wait sync.WaitGroup
		failed := make(chan string, 3)
		for _, name := range []string{"a", "b", "c"} {
			wait.Go(func() {
				if out := r.call(`{"n": 30, "name": "` + name + `"}`); out.Status == faas.ExecutionFailed {
					failed <- text(t, out.Output)
				}
			})
		}
		if got := <-failed; got != faas.OutputResources {
			t.Errorf("got %q", got)
		}
		r.touch("go")
		wait.Wait()
	})
}

// TestMemoryOfOwnLimit sets the worker's limit to its function's own while it runs: from then on
// the kernel bounds it, to more or to less.
func TestMemoryOfOwnLimit(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		var group *cgroup.Group
		grouped := withGroup(t, 512<<20)
		r := begin(t, "python3", func(c *agentconfig.Config) {
			grouped(c)
			group = cgroup.Open(*c.Cgroup)
		}).specialise("main.f", holder["python3"])
		if out := r.call(`{"n": 16}`); string(out.Output) != "16" {
			t.Fatalf("16 MiB of 32: %s %s", out.Output, out.Log)
		}
		if err := group.SetMemory(300 << 20); err != nil {
			t.Fatal(err)
		}
		r.await("the guard to leave it to the kernel", func() bool {
			out := r.call(`{"n": 150}`)
			return string(out.Output) == "150"
		})
		if out := r.call(`{"n": 400}`); text(t, out.Output) != faas.OutputResources {
			t.Errorf("400 MiB of 300: %s", out.Output)
		}
	})
}

// TestMemoryOfLargeFunction may use what its group grants, when that was raised for it before.
func TestMemoryOfLargeFunction(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", withGroup(t, 900<<20)).specialiseFor(2<<30, "main.f", holder["python3"])
		if out := r.call(`{"n": 600}`); string(out.Output) != "600" {
			t.Errorf("600 MiB of 2 GiB: %s %s", out.Output, out.Log)
		}
	})
}

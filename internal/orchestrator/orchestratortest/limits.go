package orchestratortest

import (
	"cmp"
	"encoding/json"

	"github.com/openstack-faas/faas/internal/faas"
)

// python is a function that runs the code in its input and returns the variable result of that
// code, so that each test can be a hostile function of its own.
const python = `
def main(source, **given):
    scope = dict(given)
    exec(source, scope)
    return scope["result"]
`

// run runs a piece of Python in the function's worker and decodes its result.
func (f function) run(source string, given map[string]any, result any) {
	f.h.Helper()
	f.result(withSource(source, given), result)
}

func withSource(source string, given map[string]any) map[string]any {
	input := map[string]any{"source": source}
	for name, value := range given {
		input[name] = value
	}
	return input
}

func testMemory(h *harness) {
	if !h.Memory {
		h.Skip("this host does not bound the memory")
	}
	h.setPool(h.Python, 1)
	f := h.claim(python, func(t *faas.Target) { t.MemorySize = 48 << 20 })
	const use = `
block = bytearray(size)
result = len(block)
`
	var used int
	f.run(use, map[string]any{"size": 36 << 20}, &used)
	outcome := f.call(withSource(use, map[string]any{"size": 400 << 20}))
	var message string
	if err := json.Unmarshal(outcome.Output, &message); err != nil || outcome.Status != faas.ExecutionFailed ||
		message != faas.OutputResources {
		h.Errorf("400 MB under a limit of 48: %s %s (%v)", outcome.Status, outcome.Output, err)
	}
	f.run(use, map[string]any{"size": 1 << 20}, &used) // the worker has survived
}

// testFirstMemory calls functions before the orchestrator is told of them: a small one may not use
// its pool's ceiling, a large one has more than that.
func testFirstMemory(h *harness) {
	if !h.Memory {
		h.Skip("this host does not bound the memory")
	}
	h.setPool(h.Python, 1)
	const use = `
result = len(bytearray(size << 20)) >> 20
`
	small, _ := h.first(python, func(t *faas.Target) { t.MemorySize = 32 << 20 })
	var used int
	small.run(use, map[string]any{"size": 16}, &used)
	outcome := small.call(withSource(use, map[string]any{"size": 80}))
	var message string
	if err := json.Unmarshal(outcome.Output, &message); err != nil || message != faas.OutputResources {
		h.Errorf("80 MiB of 32: %s %s (%v)", outcome.Status, outcome.Output, err)
	}
	if err := h.Orchestrator.Remove(h.ctx, small.worker.ID); err != nil {
		h.Fatal(err)
	}
	large, _ := h.first(python, func(t *faas.Target) { t.MemorySize = 1 << 30 })
	large.run(use, map[string]any{"size": 600}, &used)
}

func testCPU(h *harness) {
	if !h.CPU {
		h.Skip("this host does not bound the cpu")
	}
	h.setPool(h.Python, 1)
	h.awaitPool(1)
	f := h.claim(python, func(t *faas.Target) { t.CPU = 200 })
	var share float64
	f.run(`
import time
begun, used = time.monotonic(), time.process_time()
while time.monotonic() - begun < 1:
    pass
result = (time.process_time() - used) / (time.monotonic() - begun)
`, nil, &share)
	if share > 0.3 {
		h.Errorf("used %.2f of a core under 200 millicores", share)
	}
}

func testProcesses(h *harness) {
	if !h.Processes {
		h.Skip("this host does not bound the number of processes")
	}
	h.setPool(h.Python, 1)
	f := h.claim(python, func(t *faas.Target) { t.MemorySize = 512 << 20 }) // each process takes some
	const bomb = `
import os, signal
children, held = [], os.pipe()
try:
    for _ in range(1000):
        child = os.fork()
        if child == 0:
            os.close(held[1])
            os.read(held[0], 1)
            os._exit(0)
        children.append(child)
except OSError:
    pass
for child in children:
    os.kill(child, signal.SIGKILL)
for child in children:
    os.waitpid(child, 0)
result = len(children)
`
	bound := cmp.Or(h.MaxProcesses, faas.DefaultProcessLimits().Processes)
	const unused = 16 // room for slots of the worker's own, which a function may use as long as they do not run
	for range 2 {     // the second finds the room that the first has given back
		var children int
		f.run(bomb, nil, &children)
		if children > bound+unused || children < bound*3/4 {
			h.Errorf("started %d processes under a limit of %d", children, bound)
		}
	}
}

func testFiles(h *harness) {
	h.setPool(h.Python, 1)
	f := h.claim(python, nil)
	limits := faas.DefaultProcessLimits()
	var opened int
	f.run(`
files = []
try:
    while len(files) < 5000:
        files.append(open("/dev/null"))
except OSError:
    pass
result = len(files)
`, nil, &opened)
	if opened > limits.OpenFiles || opened < limits.OpenFiles/2 {
		h.Errorf("opened %d files under a limit of %d", opened, limits.OpenFiles)
	}
	var outcome [2]string
	f.run(`
import tempfile
def write_at(place):
    with tempfile.TemporaryFile(buffering=0) as f:
        f.seek(place)
        try:
            f.write(b"x")
            return "written"
        except OSError as e:
            return "refused"
result = [write_at(limit - 1), write_at(limit)]
`, map[string]any{"limit": limits.FileSize}, &outcome)
	if outcome != [2]string{"written", "refused"} {
		h.Errorf("the last byte of the largest file and the one after it: %v", outcome)
	}
}

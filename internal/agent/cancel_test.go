package agent_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// endless writes down who runs it and waits in its own process and in another; with an input it
// returns.
var endless = map[string]struct {
	entry string
	code  files
}{
	"python3": {"main.f", files{"main.py": `
import os, pathlib, subprocess, time
def f(a=None):
    if a is not None:
        return [a, os.getpid()]
    child = subprocess.Popen(["sleep", "1000"])
    print("it waits", flush=True)
    here = pathlib.Path.home()
    (here / "pids.new").write_text("%d %d" % (os.getpid(), child.pid))
    (here / "pids.new").rename(here / "pids")
    while True:
        time.sleep(1000)
`}},
	"nodejs": {"main.f", files{"main.js": `
const fs = require("fs"), { spawn } = require("child_process");
exports.f = (input) => {
  if (input !== undefined) return [input.a, process.pid];
  const child = spawn("sleep", ["1000"]);
  console.log("it waits");
  fs.writeFileSync(process.env.HOME + "/pids.new", process.pid + " " + child.pid);
  fs.renameSync(process.env.HOME + "/pids.new", process.env.HOME + "/pids");
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
};
`}},
}

// cancel asks the agent to end a call.
func (r *running) cancel(executionID string) (status int) {
	r.t.Helper()
	body, err := json.Marshal(faas.Cancellation{ExecutionID: executionID})
	if err != nil {
		r.t.Fatal(err)
	}
	status, _ = r.ask("POST", "/v1/cancel", testToken, strings.NewReader(string(body)))
	return status
}

// begun makes a call in the background.
func (r *running) begun(c faas.Call) (ended <-chan faas.Outcome) {
	c.Timeout = hangTimeout
	outcomes := make(chan faas.Outcome, 1)
	go func() {
		out, refused := r.tryCall(c)
		if refused != "" {
			r.t.Error("refused: ", refused)
		}
		outcomes <- out
	}()
	return outcomes
}

// awaitBegun waits for a file that a call makes.
func (r *running) awaitBegun(name string, ended <-chan faas.Outcome) {
	r.t.Helper()
	r.await("the file "+name, func() bool {
		select {
		case out := <-ended:
			r.t.Fatalf("ended early: %+v", out)
		default:
		}
		_, err := os.Stat(filepath.Join(r.config.HomeDir, name))
		return err == nil
	})
}

// TestCancel ends a call that never ends by itself, with all of its processes; the worker serves
// the next.
func TestCancel(t *testing.T) {
	for language, function := range endless {
		t.Run(language, func(t *testing.T) {
			each(t, func(t *testing.T, begin beginner) {
				r := begin(t, language, nil).specialise(function.entry, function.code)
				for range 2 { // in a slot that was warm, and in one that is new
					cancelsOne(r)
				}
			})
		})
	}
}

func cancelsOne(r *running) {
	t := r.t
	t.Helper()
	ended := r.begun(faas.Call{ExecutionID: "endless"})
	r.awaitBegun("pids", ended)
	said, err := os.ReadFile(filepath.Join(r.config.HomeDir, "pids"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(r.config.HomeDir, "pids")); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for word := range strings.FieldsSeq(string(said)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, r.hostPID(pid))
	}
	if status := r.cancel("another"); status != http.StatusConflict {
		t.Errorf("a call that does not run: %d", status)
	}
	beside := r.call(`{"a": 1}`)
	if status := r.cancel("endless"); status != http.StatusOK {
		t.Errorf("cancelled: %d", status)
	}
	out := <-ended
	if out.Status != faas.ExecutionCancelled || string(out.Output) != `"`+faas.OutputCancelled+`"` ||
		!strings.Contains(out.Log, "it waits") || out.Duration <= 0 {
		t.Errorf("got %+v", out)
	}
	for _, pid := range pids {
		r.await("the end of the call's processes", func() bool { return syscall.Kill(pid, 0) != nil })
	}
	if status := r.cancel("endless"); status != http.StatusConflict {
		t.Errorf("cancelled again: %d", status)
	}
	if s := r.status(); s.State != faas.WorkerSpecialised || s.Busy != 0 {
		t.Errorf("the worker is %+v", s)
	}
	if after := r.call(`{"a": 1}`); string(after.Output) != string(beside.Output) {
		t.Errorf("another slot was replaced: %s, then %s", beside.Output, after.Output)
	}
}

// TestCancelWhileLoading ends a call whose code does not come to its end, and one whose input is
// still on its way to it.
func TestCancelWhileLoading(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
import pathlib, time
here = pathlib.Path.home()
if not (here / "quick").exists():
    (here / "loading").touch()
    while True:
        time.sleep(1000)
def f(a):
    return len(a)
`})
		for _, input := range []string{`{"a": "x"}`, `{"a": "` + strings.Repeat("x", 4<<20) + `"}`} {
			ended := r.begun(faas.Call{ExecutionID: "endless", Input: json.RawMessage(input)})
			r.awaitBegun("loading", ended)
			r.await("the call can be cancelled", func() bool { return r.cancel("endless") == http.StatusOK })
			if out := <-ended; out.Status != faas.ExecutionCancelled {
				t.Errorf("got %+v", out)
			}
			if err := os.Remove(filepath.Join(r.config.HomeDir, "loading")); err != nil {
				t.Fatal(err)
			}
		}
		r.touch("quick")
		if out := r.call(`{"a": "xyz"}`); string(out.Output) != "3" {
			t.Errorf("got %+v", out)
		}
	})
}

package agent_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// callAs makes a call of the execution.
func (r *running) callAs(execution, input string) faas.Outcome {
	r.t.Helper()
	out, refused := r.tryCall(faas.Call{ExecutionID: execution, Input: json.RawMessage(input), Timeout: hangTimeout})
	if refused != "" {
		r.t.Fatal("refused: ", refused)
	}
	return out
}

// anyTime stands for any call, and none, that something was printed late during. A call may end
// before the agent has read what was printed while it ran.
const anyTime = "*"

// awaitLate waits until the worker's own log says what the execution has printed late.
func (r *running) awaitLate(execution, during, text string) {
	r.t.Helper()
	quoted := func(s string) string {
		if s == "" || strings.ContainsAny(s, " \n") {
			return fmt.Sprintf("%q", s)
		}
		return s
	}
	want := fmt.Sprintf("execution_id=%s during=%s text=", quoted(execution), quoted(during))
	if during == anyTime {
		want = fmt.Sprintf("execution_id=%s during=", quoted(execution))
	}
	r.await(want+text, func() bool {
		for line := range strings.Lines(r.log.String()) {
			if strings.Contains(line, want) && strings.Contains(line, text) {
				return true
			}
		}
		return false
	})
}

// lateThreads prints from a thread of the first call: between the calls, and during the second. A
// pool's thread, which the first call has started, works for the call that submits.
const lateThreads = `
import concurrent.futures, os, sys, threading, time
pool = concurrent.futures.ThreadPoolExecutor(1)
def await_file(name):
    while not os.path.exists(os.path.expanduser("~/" + name)):
        time.sleep(0.001)
def make(name):
    open(os.path.expanduser("~/" + name), "w").close()
def late():
    await_file("returned")
    print("between", "calls")
    make("printed")
    await_file("second")
    print("during"); sys.stderr.write("unfinished"); sys.stderr.write(" line\n")
    threading.Thread(target=print, args=["by a thread of it"]).start()
    make("during")
    raise ValueError("thrown late")
def f(n):
    print("call", n)
    pool.submit(print, "pool", n).result()
    if n == 1:
        threading.Thread(target=late).start()
    elif n == 2:
        make("second")
        await_file("during")
        [t.join() for t in threading.enumerate() if t is not threading.current_thread() and "ThreadPool" not in t.name]
    print("end", n)
`

func TestLateThreads(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": lateThreads})
		if out := r.callAs("exe-1", `{"n": 1}`); out.Log != "call 1\npool 1\nend 1\n" {
			t.Errorf("first log %q", out.Log)
		}
		r.touch("returned")
		r.awaitFile("printed")
		r.awaitLate("exe-1", "", "between calls")
		if out := r.callAs("exe-2", `{"n": 2}`); out.Log != "call 2\npool 2\nend 2\n" {
			t.Errorf("second log %q", out.Log)
		}
		r.awaitLate("exe-1", "exe-2", "during")
		r.awaitLate("exe-1", "exe-2", "unfinished line")
		r.awaitLate("exe-1", "exe-2", "by a thread of it")
		r.awaitLate("exe-1", "exe-2", "thrown late")
	})
}

// TestLatePrintsAtEveryMoment has a thread print without pause while other calls begin and end: none
// of it is in their logs.
func TestLatePrintsAtEveryMoment(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
import threading
stop = threading.Event()
def late():
    while not stop.is_set():
        print("late")
def f(n):
    print("call", n)
    if n == 0:
        threading.Thread(target=late).start()
    if n == 100:
        stop.set()
`})
		r.callAs("first", `{"n": 0}`)
		for n := 1; n <= 100; n++ {
			if out := r.callAs(fmt.Sprint("e", n), fmt.Sprintf(`{"n": %d}`, n)); out.Log != fmt.Sprintf("call %d\n", n) {
				t.Fatalf("call %d has the log %q", n, out.Log)
			}
		}
		r.awaitLate("first", "", "late")
		if strings.Contains(r.log.String(), "execution_id=e") {
			t.Error("a line of the first call's is another's")
		}
	})
}

// lateTimers throws or prints, in a timer of the first call, while the second runs.
const lateTimers = `
const fs = require('fs'), os = require('os');
const wait = (name) => new Promise((done) => {
  const look = () => fs.existsSync(os.homedir() + '/' + name) ? done() : setTimeout(look, 1);
  look();
});
const waits = async (name, then) => { await wait(name); then(); };
exports.f = async ({n, how}) => {
  console.log('call', n);
  if (n === 1 && how === 'throw') setTimeout(async () => {
    await wait('second');
    setTimeout(() => { fs.writeFileSync(os.homedir() + '/thrown', ''); throw new Error('thrown late'); }, 0);
  }, 0);
  if (n === 1 && how === 'reject') waits('second', () => { fs.writeFileSync(os.homedir() + '/thrown', ''); throw new Error('thrown late'); });
  if (n === 1 && how === 'print') waits('second', () => { console.log('printed late'); console.error('and %d', 2); fs.writeFileSync(os.homedir() + '/thrown', ''); });
  if (n === 2) {
    fs.writeFileSync(os.homedir() + '/second', '');
    await wait('thrown');
    await new Promise((done) => setTimeout(done, 5));
  }
  console.log('end', n);
  return process.pid;
};
`

func TestLateTimers(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		for how, said := range map[string]string{"throw": "thrown late", "reject": "thrown late", "print": "printed late"} {
			t.Run(how, func(t *testing.T) {
				r := begin(t, "nodejs", nil).specialise("main.f", files{"main.js": lateTimers})
				if out := r.callAs("exe-1", `{"n": 1, "how": "`+how+`"}`); out.Log != "call 1\nend 1\n" {
					t.Errorf("first log %q", out.Log)
				}
				second := r.callAs("exe-2", `{"n": 2, "how": "`+how+`"}`)
				if second.Status != faas.ExecutionSuccess || second.Log != "call 2\nend 2\n" {
					t.Errorf("the second call: %s %s, log %q", second.Status, second.Output, second.Log)
				}
				r.awaitLate("exe-1", anyTime, said)
				// After an exception that nobody caught the next call has a process of its own.
				third := r.callAs("exe-3", `{"n": 3}`)
				same := string(third.Output) == string(second.Output)
				if same != (how == "print") || third.Log != "call 3\nend 3\n" {
					t.Errorf("the third call: process %s after %s, log %q", third.Output, second.Output, third.Log)
				}
			})
		}
	})
}

// TestLateThrowBetweenCalls ends the slot between two calls; the exception is in the worker's log.
func TestLateThrowBetweenCalls(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "nodejs", nil).specialise("main.f", files{"main.js": `
const fs = require('fs'), os = require('os');
exports.f = ({n}) => {
  const look = () => {
    if (fs.existsSync(os.homedir() + '/go')) throw new Error('thrown late');
    setTimeout(look, 1);
  };
  if (n === 1) setTimeout(look, 1);
  return process.pid;
};
`})
		pid, err := strconv.Atoi(string(r.callAs("exe-1", `{"n": 1}`).Output))
		if err != nil {
			t.Fatal(err)
		}
		pid = r.hostPID(pid)
		r.touch("go")
		r.awaitLate("exe-1", "", "thrown late")
		r.await("the slot's end", func() bool { return syscall.Kill(pid, 0) != nil })
		if out := r.callAs("exe-2", `{"n": 2}`); out.Status != faas.ExecutionSuccess || out.Log != "" {
			t.Errorf("the next call: %+v", out)
		}
	})
}

// TestLateChildren has a child process print between two calls. Nobody knows whose it is.
func TestLateChildren(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
import subprocess
def f(n):
    if n == 1:
        subprocess.Popen(["sh", "-c", "until [ -e ~/returned ]; do sleep 0.01; done; echo a child; touch ~/printed"])
    print("call", n)
`})
		r.callAs("exe-1", `{"n": 1}`)
		r.touch("returned")
		r.awaitFile("printed")
		if out := r.callAs("exe-2", `{"n": 2}`); out.Log != "call 2\n" {
			t.Errorf("log %q", out.Log)
		}
		r.await("the child's words", func() bool {
			return strings.Contains(r.log.String(), `after=exe-1 before=exe-2 text="a child\n"`)
		})
	})
}

// TestLateIsBounded prints more than is logged, and claims to be an execution that the slot has not
// run.
func TestLateIsBounded(t *testing.T) {
	r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
import os, threading, time
def late():
    while not os.path.exists(os.path.expanduser("~/returned")):
        time.sleep(0.001)
    for fd in range(3, 64):
        try:
            if "late-" in os.readlink("/proc/self/fd/%d" % fd):
                os.write(fd, b'{"id":"a-stranger","text":"forged"}\n')
        except OSError:
            pass
    for i in range(10000):
        print("x" * 100)
    open(os.path.expanduser("~/printed"), "w").close()
def f(n):
    if n == 1:
        threading.Thread(target=late).start()
`})
	r.callAs("exe-1", `{"n": 1}`)
	r.touch("returned")
	r.awaitFile("printed")
	r.awaitLate("", "", "forged")
	r.callAs("exe-2", `{"n": 2}`)
	if log := r.log.String(); len(log) > 100<<10 || strings.Contains(log, "a-stranger") ||
		!strings.Contains(log, "more was printed after answers than is logged") {
		t.Errorf("%d bytes are logged: %.1000s", len(log), log)
	}
}

package agent_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/faas"
)

func TestTimeout(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		for runtime, code := range map[string]files{
			"python3": {"main.py": "import time, subprocess\ndef f(s):\n    print('begun')\n    if s:\n        subprocess.Popen(['sleep', '61'])\n        subprocess.Popen(['setsid', '-f', 'sh', '-c', 'sleep 62 & wait'])\n        time.sleep(s)\n    return s"},
			"nodejs":  {"main.js": "exports.f = ({s}) => { console.log('begun'); while (s) {} return s; }"},
		} {
			t.Run(runtime, func(t *testing.T) {
				r := begin(t, runtime, nil).specialise("main.f", code)
				r.call(`{"s": 0}`)
				for range 2 {
					out, _ := r.try(`{"s": 60000}`, time.Second)
					if out.Status != faas.ExecutionFailed || text(t, out.Output) != faas.OutputTimeout || out.Log != "begun\n" {
						t.Errorf("got %s %s %q", out.Status, out.Output, out.Log)
					}
					if out.Duration < time.Second {
						t.Errorf("duration %v", out.Duration)
					}
					if out := r.call(`{"s": 0}`); string(out.Output) != "0" {
						t.Errorf("after the timeout: %s", out.Output)
					}
				}
				if sleeping(t, "sleep\x0061\x00") {
					t.Error("a child of the slot lives on")
				}
				r.stop()
				if sleeping(t, "sleep\x0062\x00") {
					t.Error("a child that hid from its slot outlives the worker")
				}
			})
		}
	})
}

// sleeping looks for a process of the tests' user by its command line.
func sleeping(t *testing.T, command string) bool {
	t.Helper()
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		line, _ := os.ReadFile("/proc/" + d.Name() + "/cmdline")
		if string(line) == command {
			return true
		}
	}
	return false
}

// Code that never ends loading is stopped.
func TestTimeoutWhenLoading(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", func(c *agentconfig.Config) { c.Timeouts.Load = 2 * time.Second })
		r.specialise("main.f", files{"main.py": "import time\nprint('loading')\ntime.sleep(60000)"})
		out, _ := r.try("", 200*time.Millisecond)
		if text(t, out.Output) != faas.OutputTimeout || out.Log != "loading\n" {
			t.Errorf("got %s %q", out.Output, out.Log)
		}
	})
}

// The call's time begins when the function's code gets the input, not while a process starts or
// loads the function: what takes longer than the timeout is all before that.
func TestTimeoutBeginsWithInput(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		for runtime, code := range map[string]files{
			"python3": {"main.py": "import time\nprint('loading')\ntime.sleep(1.5)\ndef f():\n    return 1"},
			"nodejs":  {"main.js": "const end = Date.now() + 1500; while (Date.now() < end);\nexports.f = () => 1;"},
		} {
			t.Run(runtime, func(t *testing.T) {
				r := begin(t, runtime, nil).specialise("main.f", code)
				out, refused := r.try("", time.Second)
				if refused != "" || string(out.Output) != "1" {
					t.Errorf("got %s %s %s", refused, out.Output, out.Log)
				}
			})
		}
	})
}

func TestOutOfMemory(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", withGroup(t, 64<<20)).specialise("main.f", files{
			"main.py": "import os, signal\ndef f(n):\n    print('begun')\n    if n < 0:\n        os.kill(os.getpid(), signal.SIGKILL)\n    return len(bytearray(n << 20))",
		})
		for range 2 {
			if out := r.call(`{"n": 200}`); text(t, out.Output) != faas.OutputResources || out.Log != "begun\n" {
				t.Errorf("200 MiB of 64: %s %q", out.Output, out.Log)
			}
			if out := r.call(`{"n": 4}`); out.Status != faas.ExecutionSuccess {
				t.Errorf("afterwards: %s", out.Output)
			}
		}
		if out := r.call(`{"n": -1}`); !strings.Contains(text(t, out.Output), "SIGKILL") {
			t.Errorf("a kill that was not the kernel's: %s", out.Output)
		}
	})
}

// Two slots grow at once: the kernel takes one or both, never the worker.
func TestOutOfMemoryTogether(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", withGroup(t, 96<<20)).specialise("main.f", files{
			"main.py": "def f(n):\n    return len(bytearray(n << 20))",
		})
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() {
				out := r.call(`{"n": 300}`)
				if text(t, out.Output) != faas.OutputResources {
					t.Errorf("got %s %s", out.Output, out.Log)
				}
			})
		}
		wait.Wait()
		if out := r.call(`{"n": 4}`); out.Status != faas.ExecutionSuccess {
			t.Errorf("afterwards: %s", out.Output)
		}
	})
}

func TestProcessLimits(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(
			t,
			"python3",
			func(c *agentconfig.Config) { c.Limits.FileSize = 1 << 20 },
		).specialise("main.f", files{"main.py": `
import os, resource, time
def files():
    held = [open("/dev/null") for _ in range(2000)]
def size():
    with open(os.path.expanduser("~/big"), "wb") as f:
        f.write(b"x" * (2 << 20))
def processes():
    pids = []
    try:
        for _ in range(1000):
            pid = os.fork()
            if not pid:
                time.sleep(60)
                os._exit(0)
            pids.append(pid)
    finally:
        for pid in pids:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
def raise_limits():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
def core():
    return resource.getrlimit(resource.RLIMIT_CORE)
def f(which):
    return globals()[which]()
`})
		for which, says := range map[string]string{
			"files": "Too many open files", "size": "File too large", "raise_limits": "not allowed to raise",
			"processes": faas.OutputResources,
		} {
			if which == "processes" && !r.config.Runtime.OwnUser {
				continue
			}
			if out := r.call(`{"which": "` + which + `"}`); !strings.Contains(string(out.Output), says) {
				t.Errorf("%s: %s %s", which, out.Output, out.Log)
			}
		}
		if out := r.call(`{"which": "core"}`); string(out.Output) != "[0,0]" {
			t.Errorf("core: %s", out.Output)
		}
	})
}

// The runtime's processes run as their own user and cannot become another.
func TestPrivileges(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		if os.Getuid() != 0 {
			t.Skip("only root can give a worker another user")
		}
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
import os
def f():
    status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
    parent = os.getppid()
    agent = int(open("/proc/%d/stat" % parent).read().rpartition(")")[2].split()[1])
    readable = []
    for name in ("environ", "mem", "maps", "fd/0"):
        try:
            open("/proc/%d/%s" % (agent, name), "rb").read(1)
            readable.append(name)
        except OSError:
            pass
    return [os.getuid(), os.getgid(), os.getgroups(), status["CapEff"], status["NoNewPrivs"], readable]
`})
		want := fmt.Sprintf(`[%d,%d,[],"0000000000000000","1",[]]`, testUID, testUID)
		if out := r.call(""); string(out.Output) != want {
			t.Errorf("got %s, want %s; %s", out.Output, want, out.Log)
		}
	})
}

func TestLogIsClipped(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", func(c *agentconfig.Config) { c.Limits.Log = 1000 }).specialise("main.f", files{
			"main.py": "def f(n):\n    print('first')\n    for i in range(n):\n        print('€' * 30)\n    print('last')",
		})
		if out := r.call(`{"n": 3}`); strings.Contains(out.Log, "cut") || strings.Count(out.Log, "€") != 90 {
			t.Errorf("short log: %q", out.Log)
		}
		out := r.call(`{"n": 20000}`)
		if !strings.HasPrefix(out.Log, "first\n") || !strings.HasSuffix(out.Log, "last\n") ||
			!strings.Contains(out.Log, "bytes of the log were cut out here") {
			t.Errorf("long log: %q", out.Log)
		}
		if len(out.Log) > 1100 || strings.Contains(out.Log, "\ufffd") {
			t.Errorf("%d bytes: %q", len(out.Log), out.Log)
		}
	})
}

// What is printed between calls belongs to the call before, and is in the log of neither.
func TestLogBetweenCalls(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
import os, threading, time
def late():
    while not os.path.exists(os.path.expanduser("~/returned")):
        time.sleep(0.001)
    print("between")
    open(os.path.expanduser("~/printed"), "w").close()
def f(start):
    if start:
        threading.Thread(target=late).start()
    print("call")
`})
		if out := r.call(`{"start": true}`); out.Log != "call\n" {
			t.Errorf("log %q", out.Log)
		}
		r.touch("returned")
		r.awaitFile("printed")
		if out := r.call(`{"start": false}`); out.Log != "call\n" {
			t.Errorf("log %q", out.Log)
		}
	})
}

// A worker whose root is killed or stopped by the function is broken: running calls are answered,
// and it ends.
func TestRootDies(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
			t.Run(signal.String(), func(t *testing.T) {
				r := begin(
					t,
					"python3",
					func(c *agentconfig.Config) { c.Timeouts.Kill = 100 * time.Millisecond },
				).specialise("main.f", files{
					"main.py": "import os, time\ndef f(signal):\n    os.kill(os.getppid(), signal)\n    time.sleep(60)",
				})
				out, _ := r.try(`{"signal": `+strconv.Itoa(int(signal))+`}`, 3*time.Second)
				if out.Status != faas.ExecutionFailed || len(out.Output) < 10 {
					t.Errorf("got %+v", out)
				}
				r.awaitEnd()
				if code := r.command.ProcessState.ExitCode(); code != 1 {
					t.Errorf("exit status %d", code)
				}
			})
		}
	})
}

// A slot that dies between calls is replaced by the next.
func TestIdleSlotDies(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": "import os\ndef f():\n    return os.getpid()"})
		was := string(r.call("").Output)
		pid, err := strconv.Atoi(was)
		if err != nil {
			t.Fatal(err)
		}
		pid = r.hostPID(pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
		r.await("the slot's end", func() bool { return syscall.Kill(pid, 0) != nil })
		if out := r.call(""); out.Status != faas.ExecutionSuccess || string(out.Output) == was {
			t.Errorf("got %s %s", out.Status, out.Output)
		}
	})
}

// Nobody wants the worker any more: the pipe closed, or its starter died.
func TestAbandoned(t *testing.T) {
	r := begin(t, "python3", nil).specialise("main.f", waits)
	answered := make(chan faas.Outcome, 1)
	go func() {
		out, _ := r.try(`{"name":"a"}`, time.Minute)
		answered <- out
	}()
	r.awaitFile("a")
	r.stdin.Close()
	if out := <-answered; out.Status != faas.ExecutionFailed {
		t.Errorf("got %+v", out)
	}
	r.awaitEnd()
}

func TestCannotStart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*agentconfig.Config)
		says   string
	}{
		"no interpreter": {func(c *agentconfig.Config) { c.Runtime.Command = []string{"/nowhere/python"} }, "start runtime"},
		"ends at once":   {func(c *agentconfig.Config) { c.Runtime.Command = []string{"/bin/sh", "-c", "exit 3"} }, "status 3"},
		"is never warm": {func(c *agentconfig.Config) {
			c.Runtime.Command = []string{"/bin/sleep", "60"}
			c.Timeouts.Start = 100 * time.Millisecond
		}, "not warm within"},
		"wrong run folder": {func(c *agentconfig.Config) { c.RunDir = "/nowhere" }, "listen"},
	} {
		t.Run(name, func(t *testing.T) {
			r := launch(t, "python3", c.change)
			if r.said.State != agentconfig.AnnouncedFailed || !strings.Contains(r.said.Message, c.says) {
				t.Errorf("announced %+v", r.said)
			}
			r.awaitEnd()
			if code := r.command.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit status %d", code)
			}
		})
	}
}

package agent_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openstack-faas/faas/internal/agent"
	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/podlayout"
)

// ready asks as a kubelet does; 0 when nobody listens.
func (r *running) ready() int {
	r.t.Helper()
	if r.client.Transport == nil {
		r.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(r.config.Listen, "unix:"))
		}}
	}
	answer, err := r.client.Get("http://worker" + podlayout.ReadyPath)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func TestPodReady(t *testing.T) {
	r := preparePod(t, "python3", nil)
	announced := make(chan struct{})
	go func() {
		r.run(r.podCommand())
		close(announced)
	}()
	r.await("the agent", func() bool { return r.ready() == http.StatusServiceUnavailable })
	r.startSupervisor() // which may come as late as its image does
	<-announced
	if got := r.mustBeGeneric().ready(); got != http.StatusOK {
		t.Errorf("generic: %d", got)
	}
	r.specialise("main.f", plain)
	if got := r.ready(); got != http.StatusOK {
		t.Errorf("specialised: %d", got)
	}
	r.ask("POST", "/v1/drain", testToken, nil)
	if got := r.ready(); got != http.StatusServiceUnavailable {
		t.Errorf("draining: %d", got)
	}
}

// A package may be larger than the volume in memory, which is for sockets and pipes.
func TestPodTakesLargePackage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may mount")
	}
	noise := make([]byte, 20<<20) // which no zip makes smaller
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	r := beginPod(t, "python3", func(c *agentconfig.Config) {
		if err := unix.Mount("tmpfs", c.RunDir, "tmpfs", 0, "size=8m,mode=755"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(c.RunDir, unix.MNT_DETACH) })
	})
	r.specialise("main.f", files{"main.py": plain["main.py"], "noise": string(noise)})
	if out := r.call(""); string(out.Output) != "1" {
		t.Errorf("got %+v", out)
	}
	left, err := os.ReadDir(r.config.CodeDir)
	if err != nil || len(left) != 2 {
		t.Errorf("in the code's directory: %v, %v", left, err)
	}
}

// Kubernetes starts a container again that has ended: what was a function's serves no other, what
// was nobody's may.
func TestPodIsStartedAgain(t *testing.T) {
	for name, prepare := range map[string]func(*running){
		"generic": func(*running) {},
		"generic after a package that was refused": func(r *running) {
			if status, body := r.ask("POST", "/v1/specialise", testToken, bytes.NewReader(specialisation(t, []byte("no zip"), "main.f"))); status != 422 {
				t.Errorf("got %d %s", status, body)
			}
		},
		"specialised": func(r *running) { r.specialise("main.f", plain) },
	} {
		t.Run(name, func(t *testing.T) {
			r := beginPod(t, "python3", nil)
			prepare(r)
			_ = r.command.Process.Kill()
			<-r.ended
			r.pod.awaitEnd(t)
			// a port is nobody's any more by itself
			if err := os.Remove(strings.TrimPrefix(r.config.Listen, "unix:")); err != nil {
				t.Fatal(err)
			}
			r.startSupervisor()
			r.run(r.podCommand())
			if name != "specialised" {
				if out := r.mustBeGeneric().specialise("main.f", plain).call(""); string(out.Output) != "1" {
					t.Errorf("got %+v", out)
				}
				return
			}
			if r.said.State != agentconfig.AnnouncedFailed || !strings.Contains(r.said.Message, "was a function's") {
				t.Errorf("announced %+v", r.said)
			}
			r.awaitEnd()
			if code := r.command.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit status %d", code)
			}
			_ = r.pod.supervisor.Process.Signal(syscall.SIGTERM) // it waits for an agent; nothing else ends it
		})
	}
}

// A function may take from its supervisor, whose user it has, the right to open files, and with it
// the sight of what is left over.
func TestSupervisorIsBlinded(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make the supervisor process 1")
	}
	r := beginPod(t, "python3", nil).specialise("main.f", files{"main.py": `
import resource, time
def f():
    resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))
    time.sleep(60)
`})
	if out, _ := r.try("", 300*time.Millisecond); out.Status != faas.ExecutionFailed {
		t.Errorf("got %+v", out)
	}
	r.awaitEnd()
	if code := r.command.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit status %d", code)
	}
}

// The worker ends with its supervisor, and its calls are answered.
func TestSupervisorDies(t *testing.T) {
	r := beginPod(t, "python3", nil).specialise("main.f", waits)
	answered := make(chan faas.Outcome, 1)
	go func() {
		out, _ := r.try(`{"name":"a"}`, time.Minute)
		answered <- out
	}()
	r.awaitFile("a")
	_ = r.pod.supervisor.Process.Kill()
	if out := <-answered; out.Status != faas.ExecutionFailed || !strings.Contains(string(out.Output), "runtime ended") {
		t.Errorf("got %+v", out)
	}
	r.awaitEnd()
	if code := r.command.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit status %d", code)
	}
}

// Asked to end at the same time as its agent, as Kubernetes does it, a supervisor lets the agent's
// calls end.
func TestSupervisorWaitsForAgent(t *testing.T) {
	r := beginPod(t, "python3", nil).specialise("main.f", waits)
	answered := make(chan faas.Outcome, 1)
	go func() {
		out, _ := r.try(`{"name":"a"}`, hangTimeout)
		answered <- out
	}()
	r.awaitFile("a")
	for _, command := range []*os.Process{r.pod.supervisor.Process, r.command.Process} {
		if err := command.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	r.await("the agent to drain", func() bool { return r.ready() != http.StatusOK })
	r.touch("go")
	if out := <-answered; string(out.Output) != `"a"` {
		t.Errorf("got %+v", out)
	}
	r.awaitEnd()
	if code := r.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// Function code can be nobody's supervisor.
func TestOneSupervisor(t *testing.T) {
	r := beginPod(t, "python3", nil)
	if _, err := os.Lstat(filepath.Join(r.config.RunDir, "supervisor.sock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestPodCannotStart(t *testing.T) {
	for name, c := range map[string]struct {
		command []string
		says    string
	}{
		"no interpreter": {[]string{"/nowhere/python"}, "start runtime"},
		"ends at once":   {[]string{"/bin/sh", "-c", "exit 3"}, "status 3"},
		"is never warm":  {[]string{"/bin/sleep", "60"}, "not warm within"},
	} {
		t.Run(name, func(t *testing.T) {
			r := preparePod(t, "python3", func(c2 *agentconfig.Config) {
				c2.Runtime.Command = c.command
				if name == "is never warm" {
					c2.Timeouts.Start = 300 * time.Millisecond
				}
			})
			r.startSupervisor()
			r.run(r.podCommand())
			if r.said.State != agentconfig.AnnouncedFailed || !strings.Contains(r.said.Message, c.says) {
				t.Errorf("announced %+v", r.said)
			}
			r.awaitEnd()
		})
	}
}

func TestFootprint(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		if got := begin(t, "python3", nil).status().Footprint; got != 0 { // without a bound
			t.Errorf("%d bytes where nobody counts them", got)
		}
		r := begin(t, "python3", withGroup(t, 256<<20))
		generic := r.status().Footprint
		if generic < 2<<20 || generic > 128<<20 {
			t.Errorf("%d bytes", generic)
		}
		r.specialise("main.f", files{"main.py": "hold = bytearray(64 << 20)\ndef f(): pass"}).call("")
		if got := r.status().Footprint; got != generic {
			t.Errorf("it became %d", got)
		}
	})
}

// A slot's end takes along what it has left behind, wherever that hides, and nothing of its
// neighbour's.
func TestLeftBehind(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
import os, subprocess, time
home = os.environ["HOME"]
def f(who):
    subprocess.Popen(["sleep", "7%d0" % who])
    subprocess.Popen(["sleep", "7%d1" % who], start_new_session=True)
    subprocess.run(["sh", "-c", "sleep 7%d2 &" % who])
    if who == 1:
        subprocess.run(["setsid", "-f", "sleep", "713"])
        subprocess.run(["setsid", "-f", "sh", "-c", "setsid -f sleep 714; sleep 715"])
    open(home + "/%d" % who, "w").close()
    while not os.path.exists(home + "/go"):
        time.sleep(0.005)
`})
		neighbour := make(chan faas.Outcome, 1)
		go func() { neighbour <- r.call(`{"who": 2}`) }()
		r.awaitFile("2")
		if out, _ := r.try(`{"who": 1}`, time.Second); text(t, out.Output) != faas.OutputTimeout {
			t.Errorf("got %+v", out)
		}
		for seconds, lives := range map[string]bool{
			"710": false, "711": false, "712": false, "713": false, "714": false, "715": false, "720": true, "721": true, "722": true,
		} {
			if sleeping(t, "sleep\x00"+seconds+"\x00") != lives {
				t.Errorf("sleep %s lives on: %v", seconds, !lives)
			}
		}
		r.touch("go")
		if out := <-neighbour; out.Status != faas.ExecutionSuccess {
			t.Errorf("the neighbour: %+v", out)
		}
	})
}

// withTasks bounds the processes and threads of the runtime and its supervisor, as a kubelet bounds
// a pod's.
func withTasks(t testing.TB, n int) func(*agentconfig.Config) {
	t.Helper()
	host := cgroup.Probe()
	if !host.Has("pids") {
		t.Skip("no pids controller: ", host.Missing["pids"])
	}
	grouped := withGroup(t, 512<<20)
	return func(c *agentconfig.Config) {
		grouped(c)
		if err := cgroup.Open(*c.Cgroup).SetPids(n); err != nil {
			t.Fatal(err)
		}
	}
}

// A fork bomb ends with its call and leaves the worker usable.
func TestForkBomb(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", withTasks(t, 100)).specialise("main.f", files{"main.py": `
import os
def f(bomb, hide=False):
    while bomb:
        try:
            if not os.fork() and hide:
                os.setsid()
        except OSError:
            pass
    return len([name for name in os.listdir("/proc") if name.isdigit()])
`})
		before := string(r.call(`{"bomb": false}`).Output)
		for _, input := range []string{`{"bomb": true}`, `{"bomb": true, "hide": true}`} {
			out, _ := r.try(input, 300*time.Millisecond)
			if text(t, out.Output) != faas.OutputTimeout {
				t.Errorf("%s: %+v", input, out)
			}
			out, refused := r.try(`{"bomb": false}`, hangTimeout)
			if out.Status != faas.ExecutionSuccess {
				t.Fatalf("after %s: %+v %s", input, out, refused)
			}
			if r.pod != nil && os.Getuid() == 0 && string(out.Output) != before {
				t.Errorf("after %s there are %s processes and not %s", input, out.Output, before)
			}
		}
	})
}

func TestPodConfigRefused(t *testing.T) {
	key := testTokenKey.Public()
	for says, environ := range map[string][2]string{
		podlayout.EnvWorkerID: {`{"token_key":"` + key + `"}`, ""},
		podlayout.EnvConfig:   {`{`, "w"},
		"no Ed25519":          {`{"token_key":"x"}`, "w"},
		"slots":               {`{"token_key":"` + key + `","slots":-1}`, "w"},
	} {
		t.Setenv(podlayout.EnvConfig, environ[0])
		t.Setenv(podlayout.EnvWorkerID, environ[1])
		c, workerID, err := podlayout.Read()
		if err == nil {
			_, err = agent.NewPod(c, workerID, nil, time.Now)
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", says, err)
		}
		if left := slices.ContainsFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "FAAS_AGENT_CONFIG=") }); left {
			t.Error("the configuration stays in the environment")
		}
	}
}

package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openstack-faas/faas/internal/agent"
	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/podlayout"
	"github.com/openstack-faas/faas/internal/supervisor"
)

// What a test's supervisor is told beside its arguments, the runtime's command.
const (
	envRunDir = "FAAS_TEST_RUN_DIR"
	envGroup  = "FAAS_TEST_GROUP" // where its control group is, as JSON
	envUser   = "FAAS_TEST_USER"  // whom it becomes
)

// pod is what a worker that is a pod has beside its agent. As root it is as in a pod: process 1 of
// a namespace, of another user.
type pod struct {
	supervisor *exec.Cmd
	ended      chan struct{}
}

// beginPod has the runtime beneath a supervisor.
func beginPod(t testing.TB, name string, change func(*agentconfig.Config)) *running {
	t.Helper()
	r := preparePod(t, name, change)
	r.startSupervisor()
	r.run(r.podCommand())
	return r.mustBeGeneric()
}

// preparePod starts nothing yet.
func preparePod(t testing.TB, name string, change func(*agentconfig.Config)) *running {
	t.Helper()
	r := &running{t: t, config: configure(t, name), pod: &pod{}}
	r.config.Runtime.OwnUser = false // pods share their users
	if change != nil {
		change(&r.config)
	}
	if os.Getuid() == 0 {
		for _, dir := range []string{r.config.RunDir, r.config.CodeDir, r.config.RunDir + "/.."} {
			if err := os.Chown(dir, testUID+1, testUID+1); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(func() {
		if r.command != nil {
			r.stop()
		}
		if r.pod.supervisor != nil {
			_ = r.pod.supervisor.Process.Kill() // when the test was over before there was an agent
			<-r.pod.ended
		}
	})
	return r
}

// podCommand is this binary as a pod's agent.
func (r *running) podCommand() *exec.Cmd {
	r.t.Helper()
	told, err := json.Marshal(podlayout.Config{
		TokenKey: testTokenKey.Public(), Slots: r.config.Slots, Limits: r.config.Limits, Timeouts: r.config.Timeouts,
		RunDir: r.config.RunDir, CodeDir: r.config.CodeDir, HomeDir: r.config.HomeDir, Listen: r.config.Listen,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return role(bePod, testUID+1, podlayout.EnvConfig+"="+string(told), podlayout.EnvWorkerID+"="+testWorker)
}

func role(name string, user int, environ ...string) *exec.Cmd {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), beAgent+"="+name, "GORACE=atexit_sleep_ms=20 halt_on_error=1")
	if os.Getuid() == 0 {
		command.Env = append(command.Env, envUser+"="+strconv.Itoa(user))
	}
	command.Env = append(command.Env, environ...)
	command.Stderr = os.Stderr
	return command
}

func (r *running) startSupervisor() {
	r.t.Helper()
	group, err := json.Marshal(r.config.Cgroup)
	if err != nil {
		r.t.Fatal(err)
	}
	command := role(beSupervisor, testUID, envRunDir+"="+r.config.RunDir, envGroup+"="+string(group))
	command.Args = append(command.Args, r.config.Runtime.Command...)
	if os.Getuid() == 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	}
	if err := command.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan struct{})
	r.pod.supervisor, r.pod.ended = command, ended
	go func() {
		_ = command.Wait()
		close(ended)
	}()
}

// awaitEnd sees that the supervisor follows its agent.
func (p *pod) awaitEnd(t testing.TB) {
	t.Helper()
	if p.supervisor == nil {
		return
	}
	select {
	case <-p.ended:
	case <-time.After(hangTimeout):
		t.Error("the supervisor does not end")
		return
	}
	if code := p.supervisor.ProcessState.ExitCode(); code == 99 {
		t.Error("the supervisor leaked goroutines")
	}
}

func runPod(ctx context.Context, log *slog.Logger) error {
	if err := becomeUser(); err != nil {
		return err
	}
	c, workerID, err := podlayout.Read()
	if err != nil {
		return err
	}
	a, err := agent.NewPod(c, workerID, log, time.Now)
	if err != nil {
		return err
	}
	return a.Run(ctx, nil, os.Stdout)
}

func runSupervisor(ctx context.Context, _ *slog.Logger) error {
	if os.Getpid() == 1 {
		if err := ownProc(); err != nil {
			return err
		}
	}
	var at *cgroup.Location
	if err := json.Unmarshal([]byte(os.Getenv(envGroup)), &at); err != nil {
		return err
	}
	if at != nil {
		if err := cgroup.Open(*at).Add(os.Getpid()); err != nil {
			return err
		}
	}
	if err := becomeUser(); err != nil {
		return err
	}
	s := supervisor.Supervisor{RunDir: os.Getenv(envRunDir), Command: os.Args[1:], Environ: os.Environ()}
	return s.Run(ctx)
}

// ownProc shows the processes of this namespace in /proc, to this process and those beneath it.
func ownProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("leave the host's mounts alone: %w", err)
	}
	return unix.Mount("proc", "/proc", "proc", 0, "")
}

func becomeUser() error {
	text := os.Getenv(envUser)
	os.Unsetenv(envUser)
	if text == "" {
		return nil
	}
	user, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(user), syscall.Setuid(user))
}

// hostPID returns the process that a function knows by this number.
func (r *running) hostPID(pid int) int {
	r.t.Helper()
	if r.pod == nil || os.Getuid() != 0 {
		return pid
	}
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		r.t.Fatal(err)
	}
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", r.pod.supervisor.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range dirs {
		status, _ := os.ReadFile("/proc/" + d.Name() + "/status")
		of, _ := os.Readlink("/proc/" + d.Name() + "/ns/pid")
		if of == own && nsPID(string(status)) == pid {
			found, _ := strconv.Atoi(d.Name())
			return found
		}
	}
	r.t.Fatalf("there is no process %d", pid)
	return 0
}

// nsPID reads a process's number in its innermost namespace: proc_pid_status(5).
func nsPID(status string) int {
	for line := range strings.Lines(status) {
		if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(numbers)
			pid, _ := strconv.Atoi(fields[len(fields)-1])
			return pid
		}
	}
	return 0
}

package proctree

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/supervision"
)

// tasksPerProcess is how many threads a process of a warm runtime has at most before the function's
// code starts any: Node.js has eleven. They do not count against what the function is allowed.
const tasksPerProcess = 16

// Shield keeps other processes of the same user from reading this one's memory, where the token is.
// It also makes this process the parent of every descendant whose parent ends, so that none can
// hide from killing and reaping.
func Shield() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("shield memory: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	return nil
}

// startRoot starts the runtime's root process under its limits.
func startRoot(p agentconfig.Process, l supervision.Launch) (pid int, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, fmt.Errorf("open null device: %w", err)
	}
	defer null.Close()
	attributes := &os.ProcAttr{
		Dir: "/", Env: environment(p, l),
		Files: []*os.File{null, os.Stderr, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	if p.UID != 0 {
		attributes.Sys.Credential = &syscall.Credential{Uid: uint32(p.UID), Gid: uint32(p.GID)}
	}
	if err := lowerLimits(p, l); err != nil {
		return 0, err
	}
	start := func() { pid, err = startWithoutPrivileges(p.Command, attributes) }
	if !p.OwnFolders {
		start()
	} else if failed := withOwnFolders(l.HomeDir, start); failed != nil {
		err = failed
	}
	if err != nil {
		return 0, fmt.Errorf("start runtime: %w", err)
	}
	return pid, nil
}

// startWithoutPrivileges starts a process that no set-user-id program can lift above its user. The
// flag belongs to a thread and is inherited, so it is set on the thread that forks. That thread
// keeps it: the agent itself needs no such program.
func startWithoutPrivileges(command []string, attributes *os.ProcAttr) (pid int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	process, err := os.StartProcess(command[0], command, attributes)
	if err != nil {
		return 0, err
	}
	pid = process.Pid
	return pid, process.Release() // the reaper waits for it
}

func environment(p agentconfig.Process, l supervision.Launch) []string {
	return append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
		"HOME=" + l.HomeDir, "TMPDIR=" + l.HomeDir, "FAAS_SOCKET=" + l.Socket,
	}, p.Env...)
}

// lowerLimits sets the limits that the runtime inherits on this process: the one way that needs no
// privilege over a process of another user. This process stays far below them.
func lowerLimits(p agentconfig.Process, l supervision.Launch) error {
	// Inherited too: writing beyond the largest file is an error of that write, and ends nobody.
	signal.Ignore(syscall.SIGXFSZ)
	limits := map[int]uint64{
		syscall.RLIMIT_NOFILE: uint64(l.Limits.OpenFiles),
		syscall.RLIMIT_FSIZE:  uint64(l.Limits.FileSize),
		syscall.RLIMIT_CORE:   0,
	}
	if p.OwnUser { // the kernel counts by user: with another's processes in it the count would be wrong
		limits[unix.RLIMIT_NPROC] = uint64(l.Limits.Processes + tasksPerProcess*(l.Slots+1))
	}
	for resource, n := range limits {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(resource, &now); err != nil {
			return fmt.Errorf("limit runtime: %w", err)
		}
		n = min(n, now.Max)
		// Not by x/sys: package syscall must know, because it sets for children the number of open
		// files that it found at the start.
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("limit runtime: %w", err)
		}
	}
	return nil
}

// reap waits for every child that has ended, those that this process has inherited too, and reports
// whether the root was among them.
func reap(rootPID int) (rootEnded bool, status syscall.WaitStatus) {
	for {
		var s syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &s, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return rootEnded, status
		}
		if pid == rootPID {
			rootEnded, status = true, s
		}
	}
}

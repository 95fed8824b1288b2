package local

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// startTime returns when the process started, in clock ticks since boot. Pid and start time
// together identify a process; a pid alone may be reused.
func startTime(pid int) (uint64, error) {
	fields, err := statFields(pid)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(fields[19], 10, 64) // the file's field 22
}

// statFields returns the fields of /proc/PID/stat from the third on, which is the state; at least
// 20 of them.
func statFields(pid int) ([]string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	// The name in brackets may contain brackets and blanks, so the fields are counted from the last
	// bracket.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return nil, fmt.Errorf("/proc/%d/stat holds %d fields after the name", pid, len(fields))
	}
	return fields, nil
}

// runs reports whether the process that started at that time still exists and is no zombie.
func runs(pid int, started uint64) bool {
	fields, err := statFields(pid)
	return err == nil && fields[19] == strconv.FormatUint(started, 10) && !dead(fields[0])
}

// dead reports whether a state of /proc/PID/stat is that of a process that only waits for its
// parent.
func dead(state string) bool { return state == "Z" || state == "X" }

// names reports whether the environment that the process was started with contains the text.
func names(pid int, text string) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(environ, []byte(text))
}

// killExactly kills the process if it is still the one that started at that time.
func killExactly(pid int, started uint64) error {
	handle, err := os.FindProcess(pid) // holds the process by a pidfd: what is checked next is what is killed
	if err != nil {
		return nil //nolint:nilerr // there is none
	}
	defer func() { _ = handle.Release() }()
	if now, err := startTime(pid); err != nil || now != started {
		return nil //nolint:nilerr // it ended, and perhaps another took its number
	}
	if err := handle.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	return nil
}

// pids returns the processes of this machine.
func pids() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all, nil
}

// ofUser reports whether the process runs as the user and is no zombie. It looks at the owner of
// /proc/PID, which is the process's effective user; the files in it belong to root when the process
// may not be traced.
func ofUser(pid, uid int) bool {
	info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) != uid {
		return false
	}
	fields, err := statFields(pid)
	return err == nil && !dead(fields[0])
}

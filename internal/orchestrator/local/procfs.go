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

// startTime gives when the process started, in clock ticks since boot: together with the pid it names one process for good,
// where a pid alone may have been given to another since.
func startTime(pid int) (uint64, error) {
	fields, err := statFields(pid)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(fields[19], 10, 64) // the file's field 22
}

// statFields gives the fields of /proc/PID/stat from the third, the state, on: at least 20 of them.
func statFields(pid int) ([]string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	// The name in brackets may hold anything, brackets and blanks too: what can be counted follows the last one.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return nil, fmt.Errorf("/proc/%d/stat holds %d fields after the name", pid, len(fields))
	}
	return fields, nil
}

// runs reports whether the process that started then is still there and no zombie.
func runs(pid int, started uint64) bool {
	fields, err := statFields(pid)
	return err == nil && fields[19] == strconv.FormatUint(started, 10) && !dead(fields[0])
}

// dead reports whether a state of /proc/PID/stat is that of a process that only waits for its parent.
func dead(state string) bool { return state == "Z" || state == "X" }

// names reports whether the text stands in the environment that the process was started with.
func names(pid int, text string) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(environ, []byte(text))
}

// killExactly ends the process if it is still the one that started then.
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

// pids gives the processes of this machine.
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

// ofUser reports whether the process runs as the user and is not a zombie, which only waits for its parent. The folder belongs to
// the process's effective user even where the files in it, of a process that may not be traced, belong to root.
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

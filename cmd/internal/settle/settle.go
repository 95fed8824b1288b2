// Package settle returns to the kernel what a process needed for its start, or for a busy time, and
// does not need while it has nothing to do.
package settle

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// After settles the process once it has run for so long.
func After(start time.Duration) { time.AfterFunc(start, Now) }

// Now returns to the kernel the heap's free pages, and those of the program that are mapped: most
// of them are those of its start, or were near to one that was needed. What is needed again is
// mapped again.
func Now() {
	debug.FreeOSMemory()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		if start, size, ok := readOnly(line, program); ok {
			// Such pages are the file's. An error leaves them.
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, size, unix.MADV_DONTNEED)
		}
	}
}

// readOnly returns where the mapping of a line of /proc/self/maps is, if it is one of the program
// that nobody can have written to.
func readOnly(line, program string) (start, size uintptr, ok bool) {
	fields := strings.SplitN(strings.TrimSpace(line), " ", 6)
	if len(fields) < 6 || strings.TrimSpace(fields[5]) != program || fields[1] != "r-xp" && fields[1] != "r--p" {
		return 0, 0, false
	}
	from, to, _ := strings.Cut(fields[0], "-")
	first, err := strconv.ParseUint(from, 16, 64)
	if err != nil {
		return 0, 0, false
	}
	end, err := strconv.ParseUint(to, 16, 64)
	if err != nil || end <= first {
		return 0, 0, false
	}
	return uintptr(first), uintptr(end - first), true
}

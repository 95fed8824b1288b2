package proctree

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Footprint returns the bytes that the warm runtime takes before any of a function's code runs,
// were all its slots there; 0 where that is not known. Each slot that does not run yet is reckoned
// to take what the running one takes of its own.
func (t *Tree) Footprint() int64 {
	if !t.Bounded() {
		return 0
	}
	used, err := t.group.MemoryInUse()
	if err != nil || used == 0 {
		return 0
	}
	all, err := t.relations()
	if err != nil {
		return 0
	}
	missing, each := t.slots, int64(0)
	for _, pid := range slotsOf(t.root, all) {
		missing--
		each = max(each, privateMemory(pid))
	}
	return used + int64(max(missing, 0))*each
}

// privateMemory returns the bytes of a process's memory that it has written and shares with no
// other, or 0 where the kernel does not say; proc(5) describes the file.
func privateMemory(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if size, ok := strings.CutPrefix(lines.Text(), "Private_Dirty:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(size, "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}

package agent

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// footprint reckons each slot that is not there yet to take what the one that is takes of its own.
func (c *children) footprint() int64 {
	if !c.bounded() {
		return 0
	}
	used, err := c.group.MemoryInUse()
	if err != nil || used == 0 {
		return 0
	}
	all, err := relations()
	if err != nil {
		return 0
	}
	missing, each := c.slots, int64(0)
	for _, r := range all {
		if r.parent == c.root && !r.dead {
			missing--
			each = max(each, privateMemory(r.pid))
		}
	}
	return used + int64(max(missing, 0))*each
}

// privateMemory gives the bytes of a process's memory that it has written and shares with no other, or 0 where the kernel does not
// tell; proc(5) describes the file.
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

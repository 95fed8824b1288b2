package proctree

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Footprint returns the bytes that the warm runtime takes before any of a function's code runs,
// were all its slots there; 0 where that is not known. Each slot that does not run yet is reckoned
// to take what the running one takes of its own.
func (t *Tree) Footprint() int64 {
	if t.group == nil {
		return 0
	}
	used, err := t.group.MemoryInUse()
	counted := err == nil && used > 0
	switch {
	case !counted && !t.join: // in a container
		return t.residents()
	case !counted || !t.Bounded():
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

// residents is the footprint in a sandbox, whose kernel counts nothing for control groups: the
// node's kernel bounds the sandbox as a whole. Pages that processes share are counted for each.
func (t *Tree) residents() (bytes int64) {
	all, err := t.relations()
	if err != nil {
		return 0
	}
	slots, each := slotsOf(t.root, all), int64(0)
	for _, pid := range append(descendants(t.root, all), t.root) {
		size := resident(pid)
		bytes += size
		if slices.Contains(slots, pid) {
			each = max(each, size)
		}
	}
	return bytes + int64(max(t.slots-len(slots), 0))*each
}

func resident(pid int) (bytes int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if fields := strings.Fields(string(text)); err == nil && len(fields) > 1 {
		pages, _ := strconv.ParseInt(fields[1], 10, 64)
		bytes = pages * int64(os.Getpagesize())
	}
	return bytes
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

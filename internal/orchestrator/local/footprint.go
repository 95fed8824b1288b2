package local

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/openstack-faas/faas/internal/cgroup"
)

// footprint is what a warm runtime with all its slots uses before it runs any code of a function. A
// function's own limits are added to it.
type footprint struct {
	memory int64 // bytes
	tasks  int   // processes and threads
}

const (
	// warmTasks is how many processes and threads of its own a starting runtime may have. Node.js
	// has eleven threads in each process.
	warmTasks = 64
	// kernelSlack, in bytes, is for what the kernel charges beside a process's own pages: stacks,
	// page tables, pipes, and pages that are charged in batches ahead of use.
	kernelSlack = 2 << 20
)

// measure returns the footprint of a warm worker. A slot that does not run yet is assumed to use
// what the running one uses of its own or, where the language starts no slot before it has a
// function, what the runtime's root process uses.
func (l *limits) measure(group *cgroup.Group) footprint {
	if group == nil {
		return footprint{}
	}
	pids, err := group.Procs()
	if err != nil {
		return footprint{}
	}
	var root, slot footprint
	for _, m := range describeMembers(pids) {
		if m.root {
			root.add(1, footprint{m.private, m.threads})
		} else {
			slot.add(1, footprint{m.private, m.threads})
		}
	}
	all, missing := root, l.slots
	all.add(1, slot)
	if slot.tasks > 0 {
		missing--
	} else {
		slot = root
	}
	if charged := chargedForGood(group); charged > 0 {
		all.memory = charged
	}
	all.memory += kernelSlack
	all.add(missing, slot)
	return all
}

func (f *footprint) add(times int, other footprint) {
	f.memory += int64(times) * other.memory
	f.tasks += times * other.tasks
}

// member is one process of a group.
type member struct {
	pid     int
	started uint64
	root    bool // the first of them: its parent is outside the group
	threads int
	private int64 // bytes of memory that no other process shares
}

// describeMembers describes each process; those that end meanwhile are left out.
func describeMembers(pids []int) []member {
	inside := map[int]bool{}
	for _, pid := range pids {
		inside[pid] = true
	}
	var all []member
	for _, pid := range pids {
		fields, err := statFields(pid)
		if err != nil {
			continue
		}
		parent, errParent := strconv.Atoi(fields[1])
		threads, errThreads := strconv.Atoi(fields[17])
		started, errStarted := strconv.ParseUint(fields[19], 10, 64)
		private, errPrivate := privateMemory(pid)
		if errParent != nil || errThreads != nil || errStarted != nil || errPrivate != nil {
			continue
		}
		all = append(all, member{pid: pid, started: started, root: !inside[parent], threads: threads, private: private})
	}
	return all
}

// privateMemory returns the bytes that only this process has written. proc(5) describes the file.
func privateMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	return field(text, "Private_Dirty:") << 10, nil
}

// chargedForGood returns the bytes charged to the group that the kernel cannot reclaim; 0 when that
// is not known. It leaves out the page cache: the cache of an interpreter's files is charged to the
// first group that reads them.
func chargedForGood(group *cgroup.Group) int64 {
	usage, err := group.MemoryUsage()
	if err != nil || usage == 0 {
		return 0
	}
	stat, err := os.ReadFile(filepath.Join(group.Location().Memory, "memory.stat"))
	if err != nil {
		return 0
	}
	prefix := ""
	if group.Location().Version == 1 {
		prefix = "total_"
	}
	return usage - field(stat, prefix+"inactive_file") - field(stat, prefix+"active_file")
}

// field returns the number that follows the name at the beginning of a line, or 0.
func field(text []byte, name string) int64 {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if parts := strings.Fields(lines.Text()); len(parts) >= 2 && parts[0] == name {
			n, _ := strconv.ParseInt(parts[1], 10, 64)
			return n
		}
	}
	return 0
}

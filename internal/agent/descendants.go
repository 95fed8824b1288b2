package agent

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/openstack-faas/faas/internal/cgroup"
)

// relation is what /proc tells of a process's place among the others.
type relation struct {
	pid, parent, session int
	dead                 bool // waits to be reaped
}

// relations reads /proc; processes that end meanwhile are left out.
func relations() []relation {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var all []relation
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if stat, err := os.ReadFile("/proc/" + name + "/stat"); err == nil {
			if r, ok := parseStat(pid, stat); ok {
				all = append(all, r)
			}
		}
	}
	return all
}

// parseStat reads the fields after the command's name, which may itself hold spaces and parentheses: proc(5).
func parseStat(pid int, stat []byte) (relation, bool) {
	after := stat[bytes.LastIndexByte(stat, ')')+1:]
	fields := bytes.Fields(after)
	if len(fields) < 4 {
		return relation{}, false
	}
	parent, err1 := strconv.Atoi(string(fields[1]))
	session, err2 := strconv.Atoi(string(fields[3]))
	dead := fields[0][0] == 'Z' || fields[0][0] == 'X'
	return relation{pid: pid, parent: parent, session: session, dead: dead}, err1 == nil && err2 == nil
}

// killSession kills what is left of the session that a slot led. It takes what changed its process group too; only what has
// begun a session of its own stays, until the worker ends. The number is the slot's word, so only this process's own descendants
// are meant.
func killSession(session int) {
	all := relations()
	mine := descendants(os.Getpid(), all)
	for _, r := range all {
		if r.session == session && !r.dead && slices.Contains(mine, r.pid) {
			_ = syscall.Kill(r.pid, syscall.SIGKILL)
		}
	}
}

// killPatience bounds how long everything beneath the agent may take to die.
const killPatience = 5 * time.Second

// killEverything ends all that descends from this process, and all that is in its group. Something must be reaping meanwhile.
func killEverything(group *cgroup.Group) error {
	var failed error
	if group != nil {
		failed = group.Kill()
	}
	for end := time.Now().Add(killPatience); ; time.Sleep(time.Millisecond) {
		alive := descendants(os.Getpid(), relations())
		if len(alive) == 0 {
			return failed
		}
		for _, pid := range alive {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d processes do not die", len(alive))
		}
	}
}

// descendants gives those that are beneath the process, dead ones that were not reaped too.
func descendants(of int, all []relation) []int {
	children := map[int][]int{}
	for _, r := range all {
		children[r.parent] = append(children[r.parent], r.pid)
	}
	found := append([]int(nil), children[of]...)
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found
}

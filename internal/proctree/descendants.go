package proctree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// relation is what /proc says of a process's place among the others.
type relation struct {
	pid, parent, session int
	dead                 bool // waits to be reaped
}

// relations returns the processes among which the runtime's are, this process too. Processes that
// end meanwhile are left out. An error means that some may be missing: a function has this
// process's user, and may for instance take from it the right to open files.
//
// Where the runtime has a control group and a user of its own, which cannot leave it, the group's
// processes are all there are: to look at every process of the machine would cost as much more as
// there are workers. That a hundred of them end at once then took the processors for seconds.
func (t *Tree) relations() ([]relation, error) {
	if !t.join || t.group == nil || !t.group.Exists() || t.runtime.UID == 0 {
		return machineRelations()
	}
	pids, err := t.group.Procs()
	if err != nil {
		return nil, err
	}
	return relationsOf(append(pids, os.Getpid()))
}

// machineRelations reads all of /proc.
func machineRelations() ([]relation, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return relationsOf(pids)
}

func relationsOf(pids []int) ([]relation, error) {
	all := make([]relation, 0, len(pids))
	for _, pid := range pids {
		r, there, err := relationOf(pid)
		if err != nil {
			return nil, err
		}
		if there {
			all = append(all, r)
		}
	}
	return all, nil
}

// relationOf reports false for a process that has ended.
func relationOf(pid int) (r relation, there bool, err error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		return r, false, nil
	case err != nil:
		return r, false, fmt.Errorf("look at a process: %w", err)
	}
	r, ok := parseStat(pid, stat)
	if !ok {
		return r, false, fmt.Errorf("look at process %d: its state is not understood", pid)
	}
	return r, true, nil
}

// parseStat reads the fields after the command's name, which may itself hold spaces and
// parentheses: proc(5).
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

// killAll kills what list returns until it returns none. Something must be reaping meanwhile.
// Processes are stopped before any is killed: those that fork as fast as others die cannot take the
// places of the dead.
func killAll(list func() ([]int, error)) error {
	stopped := map[int]bool{}
	for end := time.Now().Add(KillTimeout); ; {
		alive, err := list()
		if err != nil || len(alive) == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d processes do not die", len(alive))
		}
		if stop(alive, stopped) {
			continue // until there is none that we have not seen
		}
		for _, pid := range alive {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err := awaitDeath(alive, end); err != nil {
			return err
		}
		time.Sleep(time.Millisecond) // for whoever reaps them
	}
}

// lastPause is the longest time between two looks whether a killed process is dead.
const lastPause = 32 * time.Millisecond

// awaitDeath waits until the processes are dead, or end has come. It looks at these alone: to list
// all again and again costs more.
func awaitDeath(pids []int, end time.Time) error {
	pause := time.Millisecond
	for _, pid := range pids {
		for {
			r, there, err := relationOf(pid)
			if err != nil {
				return err
			}
			if !there || r.dead || time.Now().After(end) {
				break
			}
			time.Sleep(pause) // there is nothing to wait on for another's child
			pause = min(2*pause, lastPause)
		}
	}
	return nil
}

// stop stops those that were not stopped before, and reports whether there were any.
func stop(alive []int, stopped map[int]bool) (found bool) {
	for _, pid := range alive {
		if !stopped[pid] {
			stopped[pid], found = true, true
			_ = syscall.Kill(pid, syscall.SIGSTOP)
		}
	}
	return found
}

// leftovers returns the processes beneath this one, self, that belong to no slot that is to live:
// neither the root nor a slot (a child of the root's) is above them or leads their session.
//
// They are what a slot that has ended leaves behind, in whatever session they hide. They are also
// what a living slot has sent away for good, into a session of its own and without a parent: nobody
// can tell whose that was. The slot that is given, 0 for none, is not to live and is among them.
// Dead processes count until they are reaped, if that is self's to do.
func leftovers(self, root, slot int, all []relation) []int {
	owned, leaders := map[int]bool{root: true}, map[int]bool{root: true}
	for _, r := range all {
		if r.parent != root || r.pid == slot || r.dead {
			continue
		}
		owned[r.pid], leaders[r.pid] = true, true
		for _, pid := range descendants(r.pid, all) {
			owned[pid] = true
		}
	}
	mine := descendants(self, all)
	var left []int
	for _, r := range all {
		ours := owned[r.pid] || leaders[r.session]
		if !ours && (!r.dead || r.parent == self) && slices.Contains(mine, r.pid) {
			left = append(left, r.pid)
		}
	}
	return left
}

// slotsOf returns the slots that live: the children of the root's.
func slotsOf(root int, all []relation) []int {
	var slots []int
	for _, r := range all {
		if r.parent == root && !r.dead {
			slots = append(slots, r.pid)
		}
	}
	return slots
}

// descendants returns the processes beneath the one given, dead ones that were not reaped too.
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

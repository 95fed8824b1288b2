package proctree

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Held says how a runtime's memory is bounded after a call.
type Held int

// The values of Held are part of the protocol between agent and supervisor.
const (
	HeldWithin  Held = iota // the guard bounds it, and the slot has kept to the bound
	HeldOverran             // the guard bounds it, and the slot has used more than that
	HeldByGroup             // the kernel bounds it, or nobody: there is no need to ask again
)

// guard bounds a runtime's memory from the moment when it becomes a function's until the limit of
// its control group is the function's own. A pod's is set after the first call, by requests to
// Kubernetes that take seconds; until then its pool's ceiling holds, which may be far more than the
// function may use.
//
// The guard works in two ways. It polls what the group is charged with, and kills the largest slot
// when that is too much. And it judges the peak of a slot when a call ends: for memory that was
// taken and freed between two looks, and for bounds so near the group's limit that only the kernel
// may kill.
type guard struct {
	tree  *Tree
	bound int64 // bytes that the group may be charged with, without the cache of files

	limit int64 // the group's own when the guard began; another one is the function's
	room  int64 // bytes by which the group may still grow
	warm  int64 // bytes of a slot that has not loaded any function

	begun time.Time
	off   atomic.Bool  // the group's own limit holds
	kills atomic.Int64 // of slots
}

const (
	// firstGuardInterval is short: until the function's own limit is set nothing else bounds it.
	firstGuardInterval = 5 * time.Millisecond
	// judgeFor is how long peaks are judged at the ends of calls, each of which costs a message. A
	// limit that is not set by then is one that the cluster cannot set.
	judgeFor = 10 * time.Second
	// lastGuardInterval is for a cluster that never sets the function's own limit.
	lastGuardInterval = 200 * time.Millisecond
)

// Hold bounds the runtime to so many bytes until the kernel does, and reports whether there is
// need: there is none where the group's own limit is not greater, or nothing is known of its
// memory.
func (t *Tree) Hold(bound int64) (bool, error) {
	if !t.Bounded() {
		return false, nil
	}
	limit, err := t.group.MemoryLimit()
	if err != nil || limit > 0 && limit <= bound {
		return false, err
	}
	used, err := t.group.MemoryHeld()
	if err != nil {
		return false, err
	}
	all, err := t.relations()
	if err != nil {
		return false, err
	}
	g := &guard{tree: t, bound: bound, limit: limit, room: bound - used, begun: time.Now()}
	for _, pid := range slotsOf(t.root, all) {
		g.warm = max(g.warm, readMemory(pid).anonymous)
	}
	if !t.guard.CompareAndSwap(nil, g) {
		return false, fmt.Errorf("the runtime's memory is bounded already")
	}
	t.wait.Go(g.run)
	return true, nil
}

// run polls until the guard is not needed any more, or the tree ends.
func (g *guard) run() {
	interval := firstGuardInterval
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-g.tree.done:
			return
		case <-timer.C:
		}
		if limit, err := g.tree.group.MemoryLimit(); err == nil && limit != g.limit {
			g.off.Store(true)
			return
		}
		g.look()
		if time.Since(g.begun) > judgeFor {
			interval = min(2*interval, lastGuardInterval)
		}
		timer.Reset(interval)
	}
}

// look kills the largest slot if the group is charged with too much.
func (g *guard) look() {
	if !g.exceeded() {
		return
	}
	held, err := g.tree.group.MemoryHeld()
	if err != nil || held <= g.bound {
		return
	}
	all, err := g.tree.relations()
	if err != nil {
		return
	}
	slot, most := 0, int64(-1)
	for _, pid := range slotsOf(g.tree.root, all) {
		if readMemory(pid).ending {
			return // look again when its memory is free
		}
		n := privateMemory(pid)
		for _, child := range descendants(pid, all) {
			n += privateMemory(child)
		}
		if n > most {
			slot, most = pid, n
		}
	}
	if slot != 0 && g.exceeded() {
		g.kill(slot, descendants(slot, all))
	}
}

// exceeded reports whether the group is charged with more than the bound, the cache of files
// included, and with so much less than its own limit that the guard may kill.
//
// Near that limit it may not: there the kernel kills, and has counted it. A process that the guard
// kills at the same time frees its memory without being a candidate any more. Then an allocation of
// anybody else makes the kernel kill the root, or this process.
func (g *guard) exceeded() bool {
	usage, err := g.tree.group.MemoryUsage()
	return err == nil && usage > g.bound && (g.limit == 0 || usage < g.limit-g.limit/4)
}

// kill ends a slot and the processes beneath it, and waits until the slot's memory is free.
func (g *guard) kill(slot int, beneath []int) {
	g.kills.Add(1) // first: the slot's end is reported at once, and explained by this
	if syscall.Kill(slot, syscall.SIGKILL) != nil {
		g.kills.Add(-1)
		return
	}
	for _, pid := range beneath {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	g.awaitEnd(slot)
}

// awaitEnd waits until the killed process has freed its memory, so that none is killed for what is
// being freed. A process that does not die is for whoever ends its slot.
func (g *guard) awaitEnd(pid int) {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if readMemory(pid).anonymous == 0 {
			return
		}
		select {
		case <-again.C:
		case <-g.tree.done:
			return
		}
	}
}

// Judge reports whether a slot's process has used more memory than the function may, at whatever
// moment since Hold.
func (t *Tree) Judge(slot int) (Held, error) {
	g := t.guard.Load()
	switch {
	case g == nil || g.off.Load():
		return HeldByGroup, nil
	case g.overran(readMemory(slot)):
		return HeldOverran, nil
	case time.Since(g.begun) > judgeFor:
		return HeldByGroup, nil
	default:
		return HeldWithin, nil
	}
}

// overran compares the slot's growth, at its peak, with what was left when it became a function's.
func (g *guard) overran(m memory) bool { return m.peak-g.warm > g.room }

// memory is what the kernel says of a process's memory, in bytes; proc_pid_status(5).
type memory struct {
	anonymous int64 // now
	peak      int64 // the most that it has had, less what it has mapped of files now
	ending    bool  // it was killed, or frees its memory already
}

// readMemory returns zero and ending for a process that has ended.
func readMemory(pid int) memory {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{ending: true}
	}
	fields := map[string]int64{}
	killed := false
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "VmHWM", "RssAnon", "RssFile", "RssShmem":
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			fields[name] = n << 10
		case "SigPnd", "ShdPnd":
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			killed = killed || n&(1<<(syscall.SIGKILL-1)) != 0
		}
	}
	return memory{
		ending:    killed || fields["VmHWM"] == 0,
		anonymous: fields["RssAnon"],
		peak:      max(fields["VmHWM"]-fields["RssFile"]-fields["RssShmem"], 0),
	}
}

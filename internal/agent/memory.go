package agent

import (
	"strings"
	"sync"
	"syscall"
)

// memoryWatch tells ends of slots for want of memory from other ends.
type memoryWatch struct {
	runtime processes

	mu   sync.Mutex
	seen int // kills that were given to a slot's end
}

// ranOut reports whether the slot ended for want of memory: the kernel took it, or the log says that the language gave up.
func (m *memoryWatch) ranOut(end ending, log string, marks []string) bool {
	if end.lost || end.signal == 0 {
		return false
	}
	if end.signal == syscall.SIGKILL {
		return m.killed()
	}
	for _, mark := range marks {
		if strings.Contains(log, mark) {
			return true
		}
	}
	return false
}

// killed takes one of the kernel's kills that no slot's end was explained with yet. Several slots may end at once, so each end
// takes one only; a kill of a slot's child process is never taken back, so that a later kill by hand may pass for one of the kernel's.
func (m *memoryWatch) killed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.runtime.OOMKills()
	if err != nil || n <= m.seen {
		return false
	}
	m.seen++
	return true
}

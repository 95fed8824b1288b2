package agent

import (
	"strings"
	"sync"
	"syscall"

	"github.com/openstack-faas/faas/internal/cgroup"
)

// memoryWatch tells ends of slots for want of memory from other ends.
type memoryWatch struct {
	group *cgroup.Group // nil where there is none

	mu   sync.Mutex
	seen int // kills that were given to a slot's end
}

// bounded reports whether the kernel holds the worker to its memory.
func (m *memoryWatch) bounded() bool { return m.group != nil && m.group.HasMemory() }

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
	if !m.bounded() {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.group.OOMKills()
	if err != nil || n <= m.seen {
		return false
	}
	m.seen++
	return true
}

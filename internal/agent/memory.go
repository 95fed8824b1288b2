package agent

import (
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/proctree"
)

// memoryWatch bounds the function's memory until the kernel does, and distinguishes the ends of
// slots that took too much from other ends.
type memoryWatch struct {
	runtime processes
	held    atomic.Bool // it is not the kernel yet that bounds the function's memory

	mu   sync.Mutex
	seen int // kills that a slot's end was explained with
}

// hold bounds the function's memory from its first instruction. Nothing is known of a footprint of
// 0, and so no bound can be reckoned.
func (m *memoryWatch) hold(footprint, memorySize int64) error {
	if footprint <= 0 || memorySize <= 0 {
		return nil
	}
	held, err := m.runtime.Hold(footprint + memorySize + faas.MemorySlack)
	m.held.Store(held)
	return err
}

// overran reports whether a slot that has answered a call has used more memory than the function
// may. It asks only until the kernel bounds the function's memory: then the slot would not live.
func (m *memoryWatch) overran(pid int) bool {
	if !m.held.Load() {
		return false
	}
	held, err := m.runtime.Judge(pid)
	if held == proctree.HeldByGroup {
		m.held.Store(false)
	}
	return err == nil && held == proctree.HeldOverran
}

// ranOut reports whether the slot ended for want of memory: it was killed for that, or the log says
// that the language gave up.
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

// killed takes one of the kills for want of memory that no slot's end was explained with yet.
// Several slots may end at once, so each end takes one only. The kill of a slot's child process is
// never taken back, so that a later kill by hand may pass for one for want of memory.
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

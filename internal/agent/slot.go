package agent

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/openstack-faas/faas/internal/jsonlines"
	"github.com/openstack-faas/faas/internal/netio"
)

// slot is one process of the runtime in which one call at a time runs. Between being taken from the
// idle ones and being put back or dropped it belongs to one goroutine; connected, ended and what
// they guard belong to the root.
type slot struct {
	number int
	nonce  string
	log    *capture
	late   *late

	loaded  bool // it was sent the function
	loading bool // it has not reported yet that the function is loaded
	called  bool // it has run a call

	connected chan struct{} // closed when the process has connected; conn, lines and pid are set before
	conn      net.Conn
	lines     *jsonlines.Reader
	pid       int

	telling   sync.Mutex // held while something is sent to a call that runs
	execution string     // the call's, "" when none runs; guarded by telling

	cancelled atomic.Bool // the call that runs is to end

	ended chan struct{} // closed when the root has reported its end; end is set before
	end   ending
}

// ending is how a slot's process ended.
type ending struct {
	code    int
	signal  syscall.Signal
	message string // why it could not be started
	lost    bool   // the runtime ended, and nobody knows how
}

// String says it in words for the function's owner.
func (e ending) String() string {
	switch {
	case e.lost:
		return "The worker's runtime ended during the call."
	case e.message != "":
		return "The worker could not start a process for the call: " + e.message
	case e.signal != 0:
		return fmt.Sprintf("The function's process was killed by signal %s.", unix.SignalName(e.signal))
	default:
		return fmt.Sprintf("The function's process exited with status %d.", e.code)
	}
}

// quiet reports whether the slot is as a call left it: connected, and with nothing sent that nobody
// asked for. One that is loading may have sent its report.
func (s *slot) quiet() bool {
	select {
	case <-s.ended:
		return false
	default:
	}
	if !s.lines.Empty() {
		return false
	}
	n, err := netio.Peek(s.conn.(syscall.Conn))
	return errors.Is(err, syscall.EAGAIN) || err == nil && s.loading && n > 0
}

// close lets go of what this process holds of the slot.
func (s *slot) close() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.log.close()
	s.late.close()
}

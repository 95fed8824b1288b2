package dispatch

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// alive reports whether the agent still holds an idle connection open. It looks without reading, so
// that a worker that is gone is found out before a call is sent to it rather than after, when
// nobody could tell whether the call began.
func (c *conn) alive() bool {
	raw, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = rc.Control(func(fd uintptr) {
		var b [1]byte
		_, _, e := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		quiet = e == unix.EAGAIN // data or an end that nobody asked for both make the connection unfit
	})
	return err == nil && quiet
}

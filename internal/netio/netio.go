// Package netio makes connections cheaper for a process that answers many small messages.
//
// A read or write of a socket that does not block returns at once: there is data or room, or there
// is not, and then Go's network poller waits. The standard library makes these calls like any other
// system call, which may block: it tells the scheduler before each, and where the process was idle,
// that wakes the runtime's monitor thread. On a busy machine the monitor moreover takes threads
// that were merely interrupted in such a call for blocked ones, and starts others in their place.
// A process that mostly waits for small messages spends a tenth of its processor time so. The
// connections of this package call the kernel without the scheduler's knowledge.
package netio

import (
	"io"
	"net"
	"sync"
	"syscall"
	"unsafe"
)

// most is how many bytes one system call moves at most: while one is under way, the garbage
// collector cannot stop its thread.
const most = 64 << 10

// Conn returns a connection that does as the given one does. It is that one itself unless it is
// TCP's or a stream between processes of a machine.
func Conn(c net.Conn) net.Conn {
	if detected { // the race detector knows of what the standard library reads and writes only
		return c
	}
	return wrap(c)
}

func wrap(c net.Conn) net.Conn {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return c
	}
	s, ok := c.(socket)
	if !ok {
		return c
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c // it is closed
	}
	w := &conn{socket: s, raw: raw}
	w.in.step, w.out.step = w.in.read, w.out.write
	return w
}

// NetConn returns the connection of the standard library.
func (c *conn) NetConn() net.Conn { return c.socket }

// socket is what both kinds of connections can.
type socket interface {
	net.Conn
	syscall.Conn
	CloseRead() error
	CloseWrite() error
}

// conn is a connection whose other methods are those of the standard library.
type conn struct {
	socket
	raw     syscall.RawConn
	in, out transfer
}

// transfer is one direction of a connection. What a read or write needs is kept in it, so that none
// of them allocates.
type transfer struct {
	mu   sync.Mutex // callers take turns, as they do with the standard library
	step func(fd uintptr) bool
	left []byte // what is to be filled or sent still
	done int
	err  syscall.Errno
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	t := &c.in
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.move(b, c.raw.Read)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, c.failed("read", err)
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	t := &c.out
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.move(b, c.raw.Write)
	return n, c.failed("write", err)
}

// failed returns an error as the standard library's connections do.
func (c *conn) failed(op string, err error) error {
	switch of := err.(type) { //nolint:errorlint // as it has come from here or from package net
	case nil:
		return nil
	case *net.OpError:
		of.Op = op
		return of
	}
	return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// move has the poller call step until that is through.
func (t *transfer) move(b []byte, poll func(func(uintptr) bool) error) (int, error) {
	t.left, t.done, t.err = b, 0, 0
	err := poll(t.step)
	n := t.done
	t.left = nil
	if t.err != 0 {
		return n, t.err
	}
	return n, err
}

// read reads once. It returns false when nothing has come yet.
func (t *transfer) read(fd uintptr) bool {
	for {
		n, errno := call(syscall.SYS_READ, fd, t.left)
		switch errno {
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.done, t.err = n, errno
			return true
		}
	}
}

// write writes all. It returns false when there is no room for what is left.
func (t *transfer) write(fd uintptr) bool {
	for len(t.left) > 0 {
		n, errno := call(syscall.SYS_WRITE, fd, t.left)
		switch errno {
		case 0:
			t.left, t.done = t.left[n:], t.done+n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.err = errno
			return true
		}
	}
	return true
}

// call reads into the bytes or writes them, as many as one call moves. The scheduler is not told.
func call(number, fd uintptr, b []byte) (int, syscall.Errno) {
	b = b[:min(len(b), most)]
	n, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Listener returns a listener whose connections are Conn's.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Conn(c), nil
}

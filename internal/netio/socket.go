package netio

import (
	"syscall"
	"unsafe"
)

// Peek looks at what has come and leaves it there. It returns whether there is anything: 1, or 0 at
// the end of the connection. The error is syscall.EAGAIN when nothing has come yet.
func Peek(c syscall.Conn) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed syscall.Errno
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		got, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), uintptr(len(b)),
			syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		n, failed = int(got), errno
	})
	if err == nil && failed != 0 {
		n, err = 0, failed
	}
	return n, err
}

// SetOption sets an option of a socket that is a whole number.
func SetOption(c syscall.Conn, level, name, value int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed syscall.Errno
	err = raw.Control(func(fd uintptr) {
		to := int32(value) //nolint:gosec // options are as large
		_, _, failed = syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, fd, uintptr(level), uintptr(name),
			uintptr(unsafe.Pointer(&to)), unsafe.Sizeof(to), 0)
	})
	if err == nil && failed != 0 {
		err = failed
	}
	return err
}

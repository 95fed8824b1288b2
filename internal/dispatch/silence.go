package dispatch

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// A node that dies, or whose network does, closes no connection. Without the following a call that
// was sent to it would wait for its timeout, and one that runs for long would never be missed. What
// counts is whether the peer's kernel acknowledges: a busy worker's does.
const (
	// silence is how long a peer may leave what was sent to it, or a question whether it is there,
	// without an acknowledgement.
	silence = 3 * time.Second
	// uploadSilence is silence while a package is sent: a peer that is slow to write it to its disk
	// stops acknowledging, too.
	uploadSilence = 30 * time.Second
	// keepAliveIdle is how long a request must have waited for its answer before the peer is asked
	// whether it is there.
	keepAliveIdle = 2 * time.Second
)

// noticeDeadPeers has the kernel end a new connection whose peer is silent. The questions are asked
// during requests alone: see watchPeer.
func noticeDeadPeers(c net.Conn) error {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil // a peer on this machine
	}
	err := tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: time.Second, Count: 3})
	if err == nil {
		err = tcp.SetKeepAlive(false)
	}
	if err == nil {
		err = setUserTimeout(tcp, silence)
	}
	return err
}

// watchPeer has the peer asked whether it is there while a request waits for its answer, until stop
// is called. Thousands of idle connections are left in peace. What cannot be set costs nothing but
// a later end.
func (c *conn) watchPeer(req request) (stop func()) {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return func() {}
	}
	upload := len(req.body) > 0
	if upload {
		_ = setUserTimeout(tcp, uploadSilence)
	}
	_ = tcp.SetKeepAlive(true)
	return func() {
		_ = tcp.SetKeepAlive(false)
		if upload {
			_ = setUserTimeout(tcp, silence)
		}
	}
}

func setUserTimeout(tcp *net.TCPConn, timeout time.Duration) error {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("bound a peer's silence: %w", err)
	}
	return nil
}

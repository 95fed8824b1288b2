// Package peer has the kernel end connections whose peer is silent. A node that dies, or whose
// network does, closes no connection: without this a request that was sent to it would wait for its
// timeout, and one that runs for long would never be missed. What counts is whether the peer's
// kernel acknowledges: a busy worker's does.
package peer

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openstack-faas/faas/internal/netio"
)

const (
	// Silence is how long a peer may leave what was sent to it, or a question whether it is there,
	// without an acknowledgement.
	Silence = 3 * time.Second
	// uploadSilence is Silence while a package is sent: a peer that is slow to write it to its disk
	// stops acknowledging, too.
	uploadSilence = 30 * time.Second
	// keepAliveIdle is how long a request must have waited for its answer before the peer is asked
	// whether it is there.
	keepAliveIdle = 2 * time.Second
)

// TCP returns the connection beneath, which may be within others, TLS say; false where it is no
// TCP.
func TCP(c net.Conn) (*net.TCPConn, bool) {
	for {
		within, is := c.(interface{ NetConn() net.Conn })
		if !is {
			break
		}
		c = within.NetConn()
	}
	tcp, is := c.(*net.TCPConn)
	return tcp, is
}

// NoticeDead has the kernel end a new connection whose peer is silent. The questions are asked
// during requests alone: see Watch.
func NoticeDead(c net.Conn) error {
	tcp, ok := TCP(c)
	if !ok {
		return nil // a peer on this machine
	}
	err := tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: time.Second, Count: 3})
	if err == nil {
		err = tcp.SetKeepAlive(false)
	}
	if err == nil {
		err = setUserTimeout(tcp, Silence)
	}
	return err
}

// Watch has the peer asked whether it is there while a request waits for its answer, until stop
// is called. Thousands of idle connections are left in peace. upload says that a package is sent.
// What cannot be set costs nothing but a later end.
func Watch(c net.Conn, upload bool) (stop func()) {
	tcp, ok := TCP(c)
	if !ok {
		return func() {}
	}
	if upload {
		_ = setUserTimeout(tcp, uploadSilence)
	}
	_ = netio.SetOption(tcp, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	return func() {
		_ = netio.SetOption(tcp, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0)
		if upload {
			_ = setUserTimeout(tcp, Silence)
		}
	}
}

func setUserTimeout(tcp *net.TCPConn, timeout time.Duration) error {
	err := netio.SetOption(tcp, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
	if err != nil {
		return fmt.Errorf("bound a peer's silence: %w", err)
	}
	return nil
}

package dispatch

import (
	"crypto/tls"
	"errors"
	"syscall"
	"time"

	"github.com/openstack-faas/faas/internal/netio"
	"github.com/openstack-faas/faas/internal/tunnel"
)

// alive reports whether the agent still holds an idle connection open. It looks without reading, so
// that a worker that is gone is found out before a call is sent to it rather than after, when
// nobody could tell whether the call began.
func (c *conn) alive() bool {
	if !c.rested.IsZero() && time.Since(c.rested) > tunnel.IdleTimeout {
		return false // its gateway may be closing it just now
	}
	beneath := c.Conn
	if secured, is := beneath.(*tls.Conn); is { // an idle gateway sends no record that could lie there unread
		beneath = secured.NetConn()
	}
	raw, ok := beneath.(syscall.Conn)
	if !ok {
		return false
	}
	_, err := netio.Peek(raw)
	return errors.Is(err, syscall.EAGAIN) // data or an end that nobody asked for both make the connection unfit
}

package gateway

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/peer"
	"github.com/openstack-faas/faas/internal/tunnel"
)

// large is the size of a request, in bytes, from which on it counts as an upload, whose receiver
// may be silent for longer.
const large = 1 << 20

// link is a tunnel as the gateway has it: one goroutine takes requests to the worker, one takes
// answers back. At most one request is under way.
type link struct {
	gateway *Gateway
	raw     net.Conn // the caller's connection beneath TLS
	caller  stream
	worker  stream
	idle    *time.Timer // closes the tunnel

	mu      sync.Mutex
	turn    sync.Cond // for a change of what follows
	pending bool      // a request is under way
	closed  bool
	unwatch func() // while a request is under way
}

func newTunnel(g *Gateway, raw net.Conn, caller, worker stream) *link {
	t := &link{gateway: g, raw: raw, caller: caller, worker: worker}
	t.turn.L = &t.mu
	t.idle = time.AfterFunc(tunnel.LastIdle, t.closeIdle)
	return t
}

// run passes requests and answers on until either end closes, or the tunnel has been idle for long.
func (t *link) run() {
	var answers sync.WaitGroup
	answers.Go(func() {
		defer t.close()
		t.down()
	})
	t.up()
	t.close()
	answers.Wait()
	t.idle.Stop()
}

// close ends both connections. The caller's TLS is not ended in its own way: callers look for the
// end of an idle connection in the kernel, where a last record would hide it.
func (t *link) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	t.turn.Broadcast()
	_ = t.raw.Close()
	_ = beneath(t.worker.Conn).Close()
}

// beneath returns the connection beneath TLS, to close it without a last record that might have to
// wait.
func beneath(c net.Conn) net.Conn {
	if secured, is := c.(*tls.Conn); is {
		return secured.NetConn()
	}
	return c
}

func (t *link) closeIdle() {
	t.mu.Lock()
	idle := !t.pending
	t.mu.Unlock()
	if idle { // no caller sends another request after so long
		t.close()
	}
}

var (
	errClosed   = errors.New("the tunnel is closed")
	errDraining = errors.New("the gateway takes no more requests")
)

// begin notes that a request is under way. The answer before may have reached its caller a moment
// before its end was noted here.
func (t *link) begin(length int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.pending && !t.closed {
		t.turn.Wait()
	}
	switch {
	case t.closed:
		return errClosed
	case t.gateway.draining.Load():
		return errDraining
	}
	t.pending = true
	t.idle.Stop()
	t.unwatch = peer.Watch(t.worker.Conn, length >= large)
	return nil
}

func (t *link) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unwatch()
	t.pending = false
	t.idle.Reset(tunnel.LastIdle)
	t.turn.Broadcast()
}

// underWay reports whether a request waits for its answer.
func (t *link) underWay() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pending
}

// up takes requests to the worker.
func (t *link) up() {
	for {
		head, body, err := next(t.caller)
		if err != nil {
			return
		}
		switch err := t.begin(body); {
		case errors.Is(err, errDraining):
			// The caller reads the answer when it has sent the whole request.
			_ = pass(io.Discard, t.caller, head, body)
			t.gateway.metrics.refused.WithLabelValues(tunnel.RefusedDraining).Inc()
			_, _ = t.caller.Write(answer(http.StatusServiceUnavailable, tunnel.RefusedDraining, errDraining.Error()))
			return
		case err != nil:
			return
		}
		t.gateway.metrics.requests.Inc()
		t.gateway.metrics.up.Add(float64(int64(head) + body))
		if err := pass(t.worker, t.caller, head, body); err != nil {
			return
		}
	}
}

// down takes answers to the caller.
func (t *link) down() {
	for {
		head, body, err := next(t.worker)
		if err != nil || !t.underWay() { // an answer that nobody asked for
			return
		}
		t.gateway.metrics.down.Add(float64(int64(head) + body))
		if err := pass(t.caller, t.worker, head, body); err != nil {
			return
		}
		t.end()
	}
}

// next waits for a message and returns the sizes of its parts.
func next(from stream) (head int, body int64, err error) {
	if head, err = peekHead(from.in); err != nil {
		return 0, 0, err
	}
	text, err := from.in.Peek(head)
	if err != nil {
		return 0, 0, err
	}
	body, err = bodyLength(text)
	return head, body, err
}

// copies are buffers for what is larger than a reader's own: a tunnel has none while it is idle.
var copies = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// pass copies a message. What has been read of it goes in one piece, as nearly every message does.
func pass(to io.Writer, from stream, head int, body int64) error {
	whole := int64(head) + body
	ahead := min(int64(from.in.Buffered()), whole)
	some, err := from.in.Peek(int(ahead))
	if err == nil {
		_, err = to.Write(some)
	}
	if err == nil {
		_, err = from.in.Discard(int(ahead))
	}
	if err != nil || ahead == whole {
		return err
	}
	buffer := copies.Get().(*[32 << 10]byte)
	defer copies.Put(buffer)
	rest := whole - ahead
	// Both ends are wrapped, or a TCP connection would be read into buffers of the library's own.
	copied, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{io.LimitReader(from.in, rest)}, buffer[:])
	if err == nil && copied < rest {
		err = io.ErrUnexpectedEOF
	}
	return err
}

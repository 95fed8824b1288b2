package broker_test

import (
	"net"
	"sync"
	"testing"
)

// proxy stands between a broker and its server, and can break what stands between them in the ways
// that networks do.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu     sync.Mutex
	flow   *sync.Cond
	frozen bool // nothing comes back from the server, and with both also nothing goes there
	both   bool
	closed bool
	conns  map[net.Conn]struct{}
	sent   int // bytes that went to the server
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{listener: l, target: target, conns: map[net.Conn]struct{}{}}
	p.flow = sync.NewCond(&p.mu)
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.running.Go(func() { p.copy(server, client, true) })
		p.running.Go(func() { p.copy(client, server, false) })
	}
}

func (p *proxy) copy(to, from net.Conn, toServer bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if !p.pass(n, from, toServer) {
			return
		}
		if _, werr := to.Write(buffer[:n]); err != nil || werr != nil {
			return
		}
	}
}

// pass waits while the direction is frozen. It is false when the connection has been cut meanwhile.
func (p *proxy) pass(n int, conn net.Conn, toServer bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.frozen && (p.both || !toServer) && !p.closed {
		if _, there := p.conns[conn]; !there {
			return false
		}
		p.flow.Wait()
	}
	if toServer {
		p.sent += n
		p.flow.Broadcast()
	}
	return true
}

// freeze holds back what the server sends, and with both also what goes there. The connections stay
// open.
func (p *proxy) freeze(both bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen, p.both = true, both
}

// waitSent waits until more bytes have gone to the server than now.
func (p *proxy) waitSent(more int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for until := p.sent + more; p.sent < until && !p.closed; {
		p.flow.Wait()
	}
}

// cut breaks every connection, and lets new ones through.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = false
	p.drop()
}

func (p *proxy) drop() {
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not a goodbye
		}
		c.Close()
	}
	clear(p.conns)
	p.flow.Broadcast()
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	p.drop()
	p.mu.Unlock()
	p.running.Wait()
}

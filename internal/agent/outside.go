package agent

import (
	"fmt"
	"net"
	"slices"
	"sync"
)

// outside is a listener that hears nobody of its own pod: the function shares the agent's network,
// and has nothing to say to it.
type outside struct {
	net.Listener
	own []net.IP // this host's addresses
}

// maxConnections is how many may be open to a worker that is a pod: far more than API and engine
// processes keep.
const maxConnections = 256

// onlyOutside hears nobody within through the listener, and no more at a time than maxConnections.
func onlyOutside(l net.Listener) (net.Listener, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("read this host's addresses: %w", err)
	}
	o := outside{Listener: l}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok {
			o.own = append(o.own, network.IP)
		}
	}
	return &few{Listener: o, left: make(chan struct{}, maxConnections), closed: make(chan struct{})}, nil
}

// Accept implements net.Listener. Connections from within are closed without a word.
func (o outside) Accept() (net.Conn, error) {
	for {
		conn, err := o.Listener.Accept()
		if err != nil || !o.fromWithin(conn) {
			return conn, err
		}
		conn.Close()
	}
}

// fromWithin reports whether a TCP connection comes from this host. Either end is what the caller
// chose: one that has bound itself to the pod's address may call the loopback's, and the other way
// about.
func (o outside) fromWithin(conn ends) bool {
	here, ok1 := conn.LocalAddr().(*net.TCPAddr)
	there, ok2 := conn.RemoteAddr().(*net.TCPAddr)
	return ok1 && ok2 && (here.IP.IsLoopback() || there.IP.IsLoopback() || there.IP.Equal(here.IP) ||
		slices.ContainsFunc(o.own, there.IP.Equal))
}

// ends are a connection's two addresses.
type ends interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// few is a listener that accepts the next connection when fewer are open than left has room for.
type few struct {
	net.Listener
	left   chan struct{} // holds one for each open connection
	closed chan struct{}
	once   sync.Once
}

// Accept implements net.Listener.
func (f *few) Accept() (net.Conn, error) {
	select {
	case f.left <- struct{}{}:
	case <-f.closed:
		return nil, net.ErrClosed
	}
	conn, err := f.Listener.Accept()
	if err != nil {
		<-f.left
		return nil, err
	}
	return &counted{Conn: conn, release: sync.OnceFunc(func() { <-f.left })}, nil
}

// Close implements net.Listener.
func (f *few) Close() error {
	f.once.Do(func() { close(f.closed) })
	return f.Listener.Close()
}

// counted makes room for another connection when it is closed.
type counted struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}

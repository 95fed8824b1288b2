package agent

import (
	"errors"
	"io"
	"net"
	"testing"
)

func TestOutsideHearsNobodyWithin(t *testing.T) {
	var addresses []string
	for _, ip := range ownAddresses(t) {
		addresses = append(addresses, ip.String())
	}
	for _, from := range addresses { // a host without a network has the loopback's alone
		for _, to := range addresses {
			t.Run(from+" to "+to, func(t *testing.T) { hungUpOn(t, from, to) })
		}
	}
}

func ownAddresses(t *testing.T) (own []net.IP) {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range all {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil {
			own = append(own, network.IP)
		}
	}
	return own[:min(len(own), 3)]
}

// hungUpOn connects as a function may choose to.
func hungUpOn(t *testing.T, from, to string) {
	t.Helper()
	inner, err := net.Listen("tcp", net.JoinHostPort(to, "0"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := onlyOutside(inner)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	ended := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		accepted <- conn
		ended <- err
	}()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v, want to be hung up on", n, err)
	}
	listener.Close()
	if conn := <-accepted; conn != nil || !errors.Is(<-ended, net.ErrClosed) {
		t.Error("a connection from within was taken")
	}
}

func TestFromWithin(t *testing.T) {
	o := outside{own: []net.IP{net.ParseIP("127.0.0.1"), net.ParseIP("10.244.0.7"), net.ParseIP("10.99.0.1")}}
	for _, c := range []struct {
		here, there string
		within      bool
	}{
		{"10.244.0.7", "10.250.0.1", false},
		{"10.244.0.7", "10.244.0.7", true},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.2", "127.0.0.1", true},
		{"::ffff:10.244.0.7", "10.244.0.7", true},
		{"127.0.0.1", "10.244.0.7", true}, // bound to the pod's address, connected to the loopback's
		{"127.0.0.1", "10.250.0.1", true},
		{"10.244.0.7", "127.0.0.1", true},
		{"10.244.0.7", "10.99.0.1", true}, // another of the pod's own
		{"10.244.0.7", "::ffff:10.99.0.1", true},
	} {
		if o.fromWithin(twoEnds{c.here, c.there}) != c.within {
			t.Errorf("from %s to %s: want within %v", c.there, c.here, c.within)
		}
	}
}

func TestFewConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &few{Listener: inner, left: make(chan struct{}, 1), closed: make(chan struct{})}
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for conn, err := f.Accept(); err == nil; conn, err = f.Accept() {
			accepted <- conn
		}
	}()
	for range 2 {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	first := <-accepted
	if len(f.left) != 1 {
		t.Errorf("%d are open", len(f.left))
	}
	first.Close()
	first.Close()
	second := <-accepted
	f.Close() // while the next is not taken yet
	if _, more := <-accepted; more {
		t.Error("another was taken")
	}
	second.Close()
}

// twoEnds is a connection of which only the addresses are of interest.
type twoEnds [2]string

func (e twoEnds) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.ParseIP(e[0])} }
func (e twoEnds) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(e[1])} }

package agent

import (
	"errors"
	"io"
	"net"
	"testing"
)

func TestOutsideHearsNobodyWithin(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	ended := make(chan error, 1)
	go func() {
		conn, err := outside{inner}.Accept()
		accepted <- conn
		ended <- err
	}()
	conn, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v, want to be hung up on", n, err)
	}
	inner.Close()
	if conn := <-accepted; conn != nil || !errors.Is(<-ended, net.ErrClosed) {
		t.Error("a connection from within was taken")
	}
}

func TestFromWithin(t *testing.T) {
	for _, c := range []struct {
		here, there string
		within      bool
	}{
		{"10.244.0.7", "10.250.0.1", false},
		{"10.244.0.7", "10.244.0.7", true},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.2", "127.0.0.1", true},
		{"::ffff:10.244.0.7", "10.244.0.7", true},
	} {
		if fromWithin(twoEnds{c.here, c.there}) != c.within {
			t.Errorf("from %s to %s: want within %v", c.there, c.here, c.within)
		}
	}
}

// twoEnds is a connection of which only the addresses are of interest.
type twoEnds [2]string

func (e twoEnds) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.ParseIP(e[0])} }
func (e twoEnds) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(e[1])} }

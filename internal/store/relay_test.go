package store_test

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openstack-faas/faas/internal/store"
)

// relay passes bytes between a store and the database's server, and loses or delays some of them
// where a test says so.
type relay struct {
	listener net.Listener
	server   string
	sent     atomic.Int64 // how many packets came from clients
	trap     atomic.Pointer[trap]
	group    sync.WaitGroup
}

// trap is what is to happen to the next packet of a client that contains the text.
type trap struct {
	text    string
	what    mishap
	release chan struct{} // a packet that is late arrives, and one that is stuck is lost, when this is closed
	sprung  chan struct{} // closed when it happens
	over    chan struct{} // closed when it has happened
}

type mishap int

const (
	lostBefore mishap = iota // the packet does not reach the server, and the connection is lost
	lostAfter                // it reaches the server, and the connection is lost before the answer comes back
	late                     // the client's connection is lost; the packet reaches the server on release
	half                     // half of the packet reaches the server, then nothing passes until release
	stuck                    // nothing passes from the packet on, until release
)

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, server: server}
	r.group.Go(r.accept)
	t.Cleanup(func() { _ = l.Close(); r.group.Wait() })
	return r
}

// open opens the database behind the relay; the caller closes it.
func (r *relay) open(t *testing.T, url string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), strings.Replace(url, r.server, r.listener.Addr().String(), 1), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// set sets a trap, in place of one that has not sprung.
func (r *relay) set(what mishap, text string) *trap {
	t := &trap{
		text:    text,
		what:    what,
		release: make(chan struct{}),
		sprung:  make(chan struct{}),
		over:    make(chan struct{}),
	}
	r.trap.Store(t)
	return t
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.group.Go(func() { r.serve(client) })
	}
}

func (r *relay) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool
	answered := make(chan struct{})
	r.group.Go(func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if deaf.Load() {
				close(answered)
				return
			}
			if err != nil || second(client.Write(buffer[:n])) != nil {
				return
			}
		}
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		r.sent.Add(1)
		t := r.trap.Load()
		if t != nil && bytes.Contains(buffer[:n], []byte(t.text)) && r.trap.CompareAndSwap(t, nil) {
			deaf.Store(t.what == lostAfter || t.what == late)
			if t.spring(client, server, buffer[:n]) {
				<-answered
			}
			close(t.over)
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// spring does what is to happen and reports whether the server answers it.
func (t *trap) spring(client, server net.Conn, packet []byte) bool {
	close(t.sprung)
	switch t.what {
	case lostBefore:
	case lostAfter:
		_, _ = server.Write(packet)
		return true
	case late:
		_ = client.Close()
		<-t.release
		_, _ = server.Write(packet)
		return true
	case half:
		_, _ = server.Write(packet[:len(packet)/2])
		<-t.release
	case stuck:
		<-t.release
	}
	return false
}

func second[T any](_ T, err error) error { return err }

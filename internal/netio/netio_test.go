package netio

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// pair returns both ends of a connection, the first as wrap returns it.
func pair(t *testing.T, network string) (here, there net.Conn) {
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "socket")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if there, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if here, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	here = wrap(here)
	if _, is := here.(*conn); !is {
		t.Fatalf("wrap has returned a %T", here)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

func each(t *testing.T, f func(t *testing.T, here, there net.Conn)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			here, there := pair(t, network)
			f(t, here, there)
		})
	}
}

// TestAllArrives sends more than the kernel takes at once in both directions at a time.
func TestAllArrives(t *testing.T) {
	each(t, func(t *testing.T, here, there net.Conn) {
		sent := make([]byte, 8<<20)
		_, _ = rand.Read(sent)
		echoed := make(chan error, 1)
		go func() {
			_, err := io.Copy(there, there)
			echoed <- errors.Join(err, there.Close())
		}()
		written := make(chan error, 1)
		go func() {
			n, err := here.Write(sent)
			if err == nil && n != len(sent) {
				err = io.ErrShortWrite
			}
			written <- errors.Join(err, here.(*conn).CloseWrite())
		}()
		got, err := io.ReadAll(here)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("of %d bytes %d have come back, the same: %v; %v", len(sent), len(got), bytes.Equal(got, sent), err)
		}
		if err := errors.Join(<-written, <-echoed); err != nil {
			t.Error(err)
		}
	})
}

// TestErrors holds the errors against what callers of the standard library's connections look for.
func TestErrors(t *testing.T) {
	each(t, func(t *testing.T, here, there net.Conn) {
		b := make([]byte, 10)
		if n, err := here.Read(nil); n != 0 || err != nil {
			t.Errorf("a read of nothing returns %d, %v", n, err)
		}
		_ = here.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := here.Read(b)
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("a read after its deadline returns %v", err)
		}
		_ = here.SetDeadline(time.Now().Add(-time.Second))
		if _, err = here.Write(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a write after its deadline returns %v", err)
		}
		_ = here.SetDeadline(time.Time{})
		if _, err := there.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		if n, err := here.Read(b); string(b[:n]) != "late" || err != nil {
			t.Errorf("after that a read returns %q, %v", b[:n], err)
		}
		there.Close()
		if n, err := here.Read(b); n != 0 || err != io.EOF { //nolint:errorlint // no other will do
			t.Errorf("a read at the end returns %d, %v", n, err)
		}
		for err = nil; err == nil; { // the first may go before the peer's refusal has come
			_, err = here.Write(b)
		}
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a write to nobody returns %v", err)
		}
	})
}

// TestCloseEndsReads closes a connection while a goroutine waits for what it brings, and writes it
// full before.
func TestCloseEndsReads(t *testing.T) {
	each(t, func(t *testing.T, here, _ net.Conn) {
		read, written := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := here.Read(make([]byte, 1))
			read <- err
		}()
		go func() {
			_, err := here.Write(make([]byte, 64<<20))
			written <- err
		}()
		here.Close()
		for what, err := range map[string]error{"read": <-read, "write": <-written} {
			var of *net.OpError
			if !errors.Is(err, net.ErrClosed) || !errors.As(err, &of) || of.Op != what {
				t.Errorf("a %s on a closed connection returns %v", what, err)
			}
		}
	})
}

// TestNothingIsAllocated has bytes go to and fro.
func TestNothingIsAllocated(t *testing.T) {
	each(t, func(t *testing.T, here, there net.Conn) {
		there = wrap(there)
		b := make([]byte, 100)
		var failed error
		count := testing.AllocsPerRun(100, func() {
			_, err := here.Write(b)
			if err == nil {
				_, err = io.ReadFull(there, b)
			}
			failed = errors.Join(failed, err)
		})
		if count != 0 || failed != nil {
			t.Errorf("a message allocates %v times, %v", count, failed)
		}
	})
}

// TestOthersStay has what is no socket returned as it is.
func TestOthersStay(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if got := wrap(a); got != a {
		t.Errorf("wrap has returned a %T", got)
	}
	here, _ := pair(t, "tcp")
	if got := wrap(here); got != here {
		t.Errorf("wrap has returned a %T for its own", got)
	}
	if got := here.(*conn).NetConn(); got == here {
		t.Error("NetConn returns the connection itself")
	}
	if _, is := here.(syscall.Conn); !is {
		t.Error("the kernel's descriptor is out of reach")
	}
}

// TestPeek looks at a connection before anything has come, after that, and at its end.
func TestPeek(t *testing.T) {
	each(t, func(t *testing.T, here, there net.Conn) {
		c := here.(syscall.Conn)
		if n, err := Peek(c); n != 0 || !errors.Is(err, syscall.EAGAIN) {
			t.Errorf("with nothing there: %d, %v", n, err)
		}
		await := func() { // until the kernel has taken it over
			_ = here.SetReadDeadline(time.Time{})
			_ = here.(*conn).raw.Read(func(uintptr) bool { n, err := Peek(c); return n > 0 || err == nil })
		}
		if _, err := there.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		await()
		for range 2 {
			if n, err := Peek(c); n != 1 || err != nil {
				t.Errorf("with something there: %d, %v", n, err)
			}
		}
		if n, err := here.Read(make([]byte, 2)); n != 1 || err != nil {
			t.Errorf("a read after that returns %d, %v", n, err)
		}
		there.Close()
		await()
		if n, err := Peek(c); n != 0 || err != nil {
			t.Errorf("at the end: %d, %v", n, err)
		}
		here.Close()
		if _, err := Peek(c); err == nil {
			t.Error("a closed connection can be looked at")
		}
	})
}

// TestSetOption reads back what was set, and has the kernel's refusal returned.
func TestSetOption(t *testing.T) {
	here, _ := pair(t, "tcp")
	c := here.(*conn)
	for _, want := range []int{0, 1} {
		if err := SetOption(c, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, want); err != nil {
			t.Error(err)
		}
		_ = c.raw.Control(func(fd uintptr) {
			got, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
			if got != want || err != nil {
				t.Errorf("the option is %d, %v; it was set to %d", got, err, want)
			}
		})
	}
	if err := SetOption(c, syscall.SOL_SOCKET, -1, 1); !errors.Is(err, syscall.ENOPROTOOPT) {
		t.Errorf("an option that there is not: %v", err)
	}
}

package swift

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// TestRefusedHeadLeavesNothing has a Swift that sends a refused HEAD the end of a body, late, as
// eventlet does: it comes before the next answer on the connection.
func TestRefusedHeadLeavesNothing(t *testing.T) {
	c := New(Config{Token: Fixed("token"), Endpoint: At("http://" + lateEnds(t)), HTTP: NewHTTP(&http.Transport{})})
	for range 3 {
		if _, err := c.Head(t.Context(), "c", "x"); !errors.Is(err, ErrToken) {
			t.Errorf("head: %v", err)
		}
		body, _, err := c.Get(t.Context(), "c", "x")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		body.Close()
		if err != nil || string(got) != "whole" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// lateEnds returns the address of a server that refuses HEAD and answers all else.
func lateEnds(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answerWithLateEnds(conn)
		}
	}()
	return listener.Addr().String()
}

func answerWithLateEnds(conn net.Conn) {
	defer conn.Close()
	requests, owed := bufio.NewReader(conn), ""
	for {
		r, err := http.ReadRequest(requests)
		if err != nil {
			return
		}
		answer := owed + "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"
		if owed = ""; r.Method == http.MethodHead {
			answer, owed = "HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n"
			if r.Close {
				answer = "HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + owed
			}
		}
		if _, err := io.WriteString(conn, answer); err != nil || r.Close {
			return
		}
	}
}

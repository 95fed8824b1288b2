package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/faas"
)

// TestSlowReadersAreCut has clients ask for more than their connections buffer and never read it.
func TestSlowReadersAreCut(t *testing.T) {
	const size = 2 << 20
	s := newService(t)
	s.api.pace = answer.Pace{Grace: 50 * time.Millisecond, PerByte: time.Nanosecond}
	server := httptest.NewUnstartedServer(s.api)
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		s.must(c.(*net.TCPConn).SetWriteBuffer(4 << 10))
		return ctx
	}
	server.Start()
	defer server.Close()
	x := faas.Execution{ID: faas.NewID(), ProjectID: project, FunctionID: faas.NewID(), Input: strings.Repeat("x", size)}
	s.must(s.store.Enqueue(t.Context(), x))
	for range size / 4000 {
		s.must(s.store.Enqueue(t.Context(), faas.Execution{
			ID: faas.NewID(), ProjectID: project, FunctionID: x.FunctionID, Input: strings.Repeat("x", 4000),
		}))
	}
	for _, path := range []string{"/v1/executions/" + x.ID, "/v1/executions?limit=1000"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		s.must(err)
		defer conn.Close()
		s.must(conn.(*net.TCPConn).SetReadBuffer(4 << 10))
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: faas\r\nConnection: close\r\n\r\n", path)
		s.must(err)
		// the answer has begun, or on a busy machine was cut already
		if _, err = conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			s.must(err)
		}
		s.nothingIsHeld()
		if n, err := io.Copy(io.Discard, conn); err == nil && n >= size {
			t.Errorf("%s: all of the answer came, %d bytes", path, n)
		}
	}
}

// TestSlowButSteadyReadersAreServed has one that takes the answer in small pieces, at more than the
// least pace.
func TestSlowButSteadyReadersAreServed(t *testing.T) {
	s := newService(t)
	s.api.pace = answer.Pace{Grace: time.Minute, PerByte: 0}
	id := faas.NewID()
	s.must(
		s.store.Enqueue(
			t.Context(),
			faas.Execution{ID: id, ProjectID: project, FunctionID: id, Input: strings.Repeat("x", 4<<20)},
		),
	)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.server.URL+"/v1/executions/"+id, nil)
	s.must(err)
	answer, err := http.DefaultTransport.RoundTrip(r)
	s.must(err)
	defer answer.Body.Close()
	n, piece := 0, make([]byte, 1000)
	for err = nil; err == nil; {
		var m int
		m, err = answer.Body.Read(piece)
		n += m
	}
	if !errors.Is(err, io.EOF) || n < 4<<20 {
		t.Errorf("%d bytes came, %v", n, err)
	}
}

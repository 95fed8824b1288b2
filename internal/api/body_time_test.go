package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
)

// unfinished sends a request whose body never ends, and returns the answer's status and body.
func (s *service) unfinished(head string) (status int, f answer.Fault) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
	s.must(err)
	s.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "%s\r\nHost: faas\r\nContent-Length: 1000\r\n\r\n{\"image\": ", head)
	s.must(err)
	s.must(conn.SetReadDeadline(time.Now().Add(20 * time.Second))) // far over the stall, for a service that never answers
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	s.must(err)
	defer answer.Body.Close()
	s.must(json.NewDecoder(answer.Body).Decode(&f))
	return answer.StatusCode, f
}

// TestStalledBodies has bodies stop halfway: whoever reads them or does not, the request is answered.
func TestStalledBodies(t *testing.T) {
	s := newService(t, func(c *Config) { c.ReadTimeout = 200 * time.Millisecond })
	const multipart = "\r\nContent-Type: multipart/form-data; boundary=x"
	for head, want := range map[string]int{
		"POST /v1/runtimes HTTP/1.1\r\nContent-Type: application/json": 408,
		"POST /v1/executions HTTP/1.1":                                 408,
		"POST /v1/functions HTTP/1.1" + multipart:                      408,
		"POST /v1/functions HTTP/1.1" +
			"\r\nContent-Type: application/x-www-form-urlencoded": 408,
		"PUT /v1/functions/" + unknownID + " HTTP/1.1" + multipart:    408,
		"POST /v1/runtimes HTTP/1.1\r\nX-Test-Identity: none":         401,
		"POST /v1/runtimes HTTP/1.1\r\nX-Test-Identity: p-two member": 403,
		"POST /v1/nothing HTTP/1.1":                                   404,
		"PATCH /v1/runtimes HTTP/1.1":                                 405,
		"GET /v1/functions/" + unknownID + " HTTP/1.1":                404,
	} {
		status, f := s.unfinished(head)
		if status != want || f.Faultstring == "" || len(f.Errors) != 1 || f.Errors[0].Status != want {
			t.Errorf("%s: %d %+v, want %d", head, status, f, want)
		}
		if want == 408 && !strings.Contains(f.Faultstring, "nothing of it came for 200ms") {
			t.Errorf("%s: %s", head, f.Faultstring)
		}
	}
	s.nothingIsHeld()
}

// TestLargeBodiesHearWhy has clients that send all before they read, as most do: each hears why it
// is refused, and not that its connection was reset.
func TestLargeBodiesHearWhy(t *testing.T) {
	s := newService(t)
	const size = 40 << 20
	conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
	s.must(err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /v1/runtimes HTTP/1.1\r\nHost: faas\r\nContent-Length: %d\r\n\r\n", size)
	s.must(err)
	piece := []byte(strings.Repeat("x", 1<<20))
	for range size / len(piece) {
		if _, err := conn.Write(piece); err != nil {
			t.Fatalf("the connection was cut while the body was sent: %v", err)
		}
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	s.must(err)
	defer got.Body.Close()
	var f answer.Fault
	s.must(json.NewDecoder(got.Body).Decode(&f))
	if got.StatusCode != http.StatusRequestEntityTooLarge || !got.Close || !strings.Contains(f.Faultstring, "larger than 2097152 bytes") {
		t.Errorf("%d %v %+v", got.StatusCode, got.Close, f)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection goes on: %v", err)
	}
}

package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const frontToken = "token"

// fronted is a front whose calls are run by a function of the test, and a connection to it.
type fronted struct {
	*front
	t      *testing.T
	conn   net.Conn
	answer *bufio.Reader
	ended  chan error
}

func newFronted(t *testing.T, run func(faas.Call) (faas.Outcome, string)) *fronted {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "net/http: %s %s %s", r.Method, r.URL.Path, body)
	})
	f := &fronted{
		t: t, front: newFront(l, nil, other, knownToken(frontToken), run, slog.New(slog.DiscardHandler)),
		ended: make(chan error, 1),
	}
	go func() { f.ended <- f.serve() }()
	t.Cleanup(func() { _ = f.close() })
	if f.conn, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.conn.Close() })
	f.answer = bufio.NewReader(f.conn)
	return f
}

func request(line, token, body string) string {
	return fmt.Sprintf("%s HTTP/1.1\r\nHost: worker\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		line, token, len(body), body)
}

func callOf(id string) string {
	return fmt.Sprintf(`{"execution_id":%q,"key":{"function_id":"f","version":2,"revision":3},"input":{"a": [1]},`+
		`"timeout":5}`, id)
}

func (f *fronted) send(text string) {
	f.t.Helper()
	if _, err := io.WriteString(f.conn, text); err != nil {
		f.t.Fatal(err)
	}
}

// read returns the next answer's status and body, and whether it is the connection's last.
func (f *fronted) read() (status int, body string, last bool) {
	f.t.Helper()
	resp, err := http.ReadResponse(f.answer, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Close
}

// expect reads an answer that must be so.
func (f *fronted) expect(status int, has string) {
	f.t.Helper()
	if got, body, _ := f.read(); got != status || !strings.Contains(body, has) {
		f.t.Fatalf("answered %d %s, want %d with %s", got, body, status, has)
	}
}

// echo answers with what it has understood of the call.
func echo(c faas.Call) (faas.Outcome, string) {
	if c.ExecutionID == "busy" {
		return faas.Outcome{}, faas.RefusedBusy
	}
	said := fmt.Sprintf("%s %s %s %d", c.ExecutionID, c.Key, c.Input, c.Timeout)
	return faas.Outcome{Status: faas.ExecutionSuccess, Output: text(said)}, ""
}

func TestFrontAnswersCalls(t *testing.T) {
	f := newFronted(t, echo)
	f.send(request("POST /v1/call", frontToken, callOf("one")))
	f.expect(200, `one f/2/3 {\"a\": [1]} 5`)
	two := request("POST /v1/call", frontToken, callOf("two")) + request("POST /v1/call", frontToken, callOf("busy"))
	for _, b := range []byte(two) { // in the smallest pieces
		f.send(string(b))
	}
	f.expect(200, "two")
	f.expect(409, `{"refused":"busy"}`)
	f.send(request("POST /v1/call", frontToken, callOf("a")) + request("POST /v1/call", frontToken, callOf("b")))
	f.expect(200, "a f/2/3")
	f.expect(200, "b f/2/3")
	f.send(request("POST /v1/call", frontToken, `{"execution_id":"x"}`))
	f.expect(400, "timeout is missing")
	f.send(request("POST /v1/call", frontToken, `{"execution_id":"x",`))
	f.expect(400, "invalid")
	large := callOf(strings.Repeat("long", 50_000))
	f.send(request("POST /v1/call", frontToken, large))
	f.expect(200, "longlong")
}

func TestFrontLeavesTheRestToNetHTTP(t *testing.T) {
	for name, odd := range map[string]string{
		"another request": request("POST /v1/drain", frontToken, "x"),
		"a wrong token":   request("POST /v1/call", "guessed", "x"),
		"without a token": "POST /v1/call HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\n\r\nx",
		"without a body":  "GET /v1/status HTTP/1.1\r\nHost: w\r\n\r\n",
		"in chunks": "POST /v1/call HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer token\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		"a large head": "GET /v1/status HTTP/1.1\r\nHost: w\r\nX-Long: " + strings.Repeat("x", 8000) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFronted(t, echo)
			f.send(request("POST /v1/call", frontToken, callOf("before")))
			f.expect(200, "before")
			f.send(odd)
			f.expect(200, "net/http: ")
			f.send(request("POST /v1/call", frontToken, callOf("after")))
			f.expect(200, "net/http: POST /v1/call {")
		})
	}
}

func TestFrontSurvivesPanic(t *testing.T) {
	f := newFronted(t, func(c faas.Call) (faas.Outcome, string) {
		if c.ExecutionID == "bad" {
			panic("bad")
		}
		return echo(c)
	})
	f.send(request("POST /v1/call", frontToken, callOf("bad")))
	if _, err := f.answer.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection ends with %v", err)
	}
	other, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	f.conn, f.answer = other, bufio.NewReader(other)
	f.send(request("POST /v1/call", frontToken, callOf("good")))
	f.expect(200, "good")
}

// TestFrontShutdown has a connection that waits for a request, and one whose call runs.
func TestFrontShutdown(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	f := newFronted(t, func(c faas.Call) (faas.Outcome, string) {
		if c.ExecutionID == "slow" {
			close(began)
			<-end
		}
		return echo(c)
	})
	idle, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if _, err := io.WriteString(idle, request("POST /v1/call", frontToken, callOf("x"))); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(idle)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	f.send(request("POST /v1/call", frontToken, callOf("slow")))
	<-began
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := f.shutdown(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown has not waited for the call: %v", err)
	}
	if _, err := io.Copy(io.Discard, reader); err != nil {
		t.Errorf("the connection that waited ends with %v", err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- f.shutdown(t.Context()) }()
	close(end)
	if status, body, last := f.read(); status != 200 || !strings.Contains(body, "slow") || !last {
		t.Errorf("the call is answered with %d %s, last %v", status, body, last)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := <-f.ended; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serve has ended with %v", err)
	}
}

func TestFrontCloseEndsCalls(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	f := newFronted(t, func(faas.Call) (faas.Outcome, string) {
		close(began)
		<-end
		return faas.Outcome{}, ""
	})
	f.send(request("POST /v1/call", frontToken, callOf("slow")))
	<-began
	if err := f.close(); err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, f.answer); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection ends with %v", err)
	}
}

// TestDecodeCall holds what is decoded by hand against encoding/json.
func TestDecodeCall(t *testing.T) {
	for _, body := range []string{
		callOf("one"), `{}`, `{"timeout": 7, "context": {"os": {"token": "t"}}, "input": {"__function_input": [1, "}"]}}`,
		`{"execution_id":"\u0041\"","timeout":1}`, `{"Execution_ID":"x","timeout":1}`, `{"timeout":1e3}`, `{"timeout":1.5}`,
		`{"timeout":"1"}`, `{"key":{"function_id":"f","version":"x"}}`, `{"key":null,"timeout":1}`, `[]`, `{"timeout":1`,
		`{"input":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `,"timeout":1}`, `{"more":1,"timeout":1}`,
		tracedCall, `{"trace":"\u0041\n","timeout":1}`, `{"Trace":"x","timeout":1}`,
	} {
		got, err := decodeCall([]byte(body))
		var want faas.Call
		wanted := json.Unmarshal([]byte(body), &want)
		if (err == nil) != (wanted == nil) || err == nil && fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s: %+v %v, encoding/json has %+v %v", body, got, err, want, wanted)
		}
	}
}

const tracedCall = `{"execution_id":"one","key":{"function_id":"f","revision":3},"input":{"n":1},"timeout":1000,` +
	`"trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}`

// TestDecodeCallAsUsual has calls decoded by hand, whether they are traced or not: what encoding/json
// decodes is a copy, and what is decoded by hand is not.
func TestDecodeCallAsUsual(t *testing.T) {
	for _, body := range []string{callOf("one"), tracedCall} {
		request := []byte(body)
		got, err := decodeCall(request)
		if err != nil {
			t.Fatal(err)
		}
		for i := range request {
			request[i] = 'x'
		}
		if !strings.HasPrefix(string(got.Input), "xx") {
			t.Errorf("%s: the input is a copy: %s", body, got.Input)
		}
	}
}

package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/podlayout"
)

var servedKey = faas.Key{FunctionID: "f", Revision: 3}

// served is an agent beside a function's server.
type served struct {
	*testing.T
	address string
	token   string
	end     context.CancelFunc
	ended   chan error
}

func (s *served) ask(method, path, body string) (int, string) {
	s.Helper()
	request, err := http.NewRequest(method, "http://"+s.address+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

func (s *served) call(key faas.Key, input string, timeout time.Duration) (faas.Outcome, string) {
	s.Helper()
	return s.callAs("x", key, input, timeout)
}

func (s *served) callAs(id string, key faas.Key, input string, timeout time.Duration) (faas.Outcome, string) {
	s.Helper()
	body, err := json.Marshal(faas.Call{ExecutionID: id, Key: key, Input: json.RawMessage(input), Timeout: timeout})
	if err != nil {
		s.Fatal(err)
	}
	status, answer := s.ask("POST", "/v1/call", string(body))
	var told struct {
		faas.Outcome
		Refused string
	}
	if err := json.Unmarshal([]byte(answer), &told); err != nil {
		s.Fatalf("%d %s: %v", status, answer, err)
	}
	return told.Outcome, told.Refused
}

func startServed(t *testing.T, port int, limits faas.ProcessLimits) *served {
	t.Helper()
	return startServedWith(t, podlayout.Config{Limits: limits, Server: &podlayout.Server{Port: port, Key: servedKey}})
}

// servedSecret is what the tokens of served workers come from.
var servedSecret = strings.Repeat("a secret of the tests ", 2)

func startServedWith(t *testing.T, conf podlayout.Config) *served {
	t.Helper()
	key, err := faas.NewWorkerKey(servedSecret)
	if err != nil {
		t.Fatal(err)
	}
	conf.TokenKey, conf.Slots, conf.Listen = key.Public(), 2, "tcp:127.0.0.1:0"
	a, err := NewServer(conf, "w", slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	a.sharesNetwork = false
	s := &served{T: t, token: key.Token("w"), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	s.end = cancel
	said, says := io.Pipe()
	go func() {
		s.ended <- a.Run(ctx, says)
		says.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
	var announced agentconfig.Announcement
	if err := json.NewDecoder(said).Decode(&announced); err != nil {
		t.Fatal(err)
	}
	s.address = strings.TrimPrefix(announced.Address, "tcp:")
	return s
}

func portOf(t *testing.T, address string) (port int) {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err == nil {
		_, err = fmt.Sscan(text, &port)
	}
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// functionServer answers as the path of its input's word says.
func functionServer(release <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		word, _ := strings.CutPrefix(strings.Trim(string(body), `"`), "do ")
		switch word {
		case "wait":
			<-release
		case "text":
			fmt.Fprint(w, `{"no": "JSON by its type"}`)
		case "broken":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"no JSON`)
		case "refuse":
			http.Error(w, "not today", http.StatusTeapot)
		case "fail":
			w.WriteHeader(http.StatusInternalServerError)
		case "redirect":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		case "much":
			_, _ = w.Write(bytes.Repeat([]byte("x"), 2000))
		case "die":
			panic(http.ErrAbortHandler)
		case "bytes":
			_, _ = w.Write([]byte{0xff, 'a'})
		default:
			w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
			fmt.Fprintf(w, "{\"got\": %s,\n\"execution\": %q, \"method\": %q}", body, r.Header.Get(ExecutionHeader), r.Method)
		}
	})
}

// TestServerCalls asks a function's server in every way in which it may answer.
func TestServerCalls(t *testing.T) {
	release := make(chan struct{})
	function := httptest.NewServer(functionServer(release))
	defer function.Close()
	defer close(release)
	s := startServed(t, portOf(t, function.Listener.Addr().String()), faas.ProcessLimits{Result: 1000})
	word := func(w string) string { return `{"__function_input":"do ` + w + `"}` }
	for _, test := range []struct {
		input  string
		status faas.ExecutionStatus
		output string
	}{
		{`{"a":1}`, "success", `{"got":{"a":1},"execution":"x","method":"POST"}`},
		{``, "success", `{"got":{},"execution":"x","method":"POST"}`},
		{`{"__function_input":[1,2]}`, "success", `{"got":[1,2],"execution":"x","method":"POST"}`},
		{`{"__function_input":1,"b":2}`, "success", `{"got":{"__function_input":1,"b":2},"execution":"x","method":"POST"}`},
		{word("text"), "success", `"{\"no\": \"JSON by its type\"}"`},
		{word("broken"), "success", `"{\"no JSON"`},
		{word("bytes"), "success", `"�a"`},
		{word("refuse"), "failed", `"not today\n"`},
		{word("fail"), "failed", `"The function's server answered with status 500 Internal Server Error."`},
		{word("redirect"), "success", `""`},
		{word("much"), "failed", `"The result is too large: at most 1000 bytes of JSON are allowed."`},
		{word("die"), "failed", `"The function's server closed the connection before it had answered."`},
	} {
		out, refused := s.call(servedKey, test.input, hangTimeout)
		if refused != "" || out.Status != test.status || string(out.Output) != test.output {
			t.Errorf("input %s: %s %s %s", test.input, refused, out.Status, out.Output)
		}
	}
	if out, _ := s.call(servedKey, word("wait"), 50*time.Millisecond); out.Status != "failed" ||
		string(out.Output) != `"`+faas.OutputTimeout+`"` {
		t.Errorf("a call that takes too long: %s %s", out.Status, out.Output)
	}
	function.CloseClientConnections()
	function.Listener.Close()
	if out, _ := s.call(servedKey, "", hangTimeout); out.Status != "failed" ||
		!strings.Contains(string(out.Output), "does not accept connections") {
		t.Errorf("without a server: %s %s", out.Status, out.Output)
	}
}

// TestServerAgentRefuses asks for what is not the function's, comes too much at a time, or comes
// from strangers.
func TestServerAgentRefuses(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	function := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	}))
	defer function.Close()
	s := startServed(t, portOf(t, function.Listener.Addr().String()), faas.ProcessLimits{})
	if status, _ := s.ask("GET", podlayout.ReadyPath, ""); status != http.StatusOK {
		t.Errorf("it is ready, and says %d", status)
	}
	if _, refused := s.call(faas.Key{FunctionID: "g"}, "", time.Minute); refused != faas.RefusedNotMine {
		t.Errorf("another's call: %q", refused)
	}
	if status, answer := s.ask("POST", "/v1/specialise", "{}\n"); status != http.StatusConflict ||
		!strings.Contains(answer, faas.RefusedClaimed) {
		t.Errorf("specialise: %d %s", status, answer)
	}
	done := make(chan faas.Outcome, 2)
	for range 2 {
		go func() {
			out, _ := s.call(servedKey, "", time.Minute)
			done <- out
		}()
		<-entered
	}
	if _, refused := s.call(servedKey, "", time.Minute); refused != faas.RefusedBusy {
		t.Errorf("a third call of two at a time: %q", refused)
	}
	if status, _ := s.ask("POST", "/v1/drain?idle_for=0ms", ""); status != http.StatusConflict {
		t.Errorf("drained while calls run: %d", status)
	}
	close(release)
	for range 2 {
		if out := <-done; out.Status != "success" {
			t.Errorf("%+v", out)
		}
	}
	s.token = "nobody's"
	if status, _ := s.ask("GET", "/v1/status", ""); status != http.StatusForbidden {
		t.Errorf("a stranger: %d", status)
	}
}

// TestServerCallCancelled ends one of two calls: its request to the function's server is given up.
func TestServerCallCancelled(t *testing.T) {
	entered, gone := make(chan string, 2), make(chan string, 2)
	release := make(chan struct{})
	function := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // from then on the server notices the end of the connection
		entered <- r.Header.Get(ExecutionHeader)
		select {
		case <-r.Context().Done():
			gone <- r.Header.Get(ExecutionHeader)
		case <-release:
		}
	}))
	defer function.Close()
	s := startServed(t, portOf(t, function.Listener.Addr().String()), faas.ProcessLimits{})
	if status, _ := s.ask("POST", "/v1/cancel", `{"execution_id":"x"}`); status != http.StatusConflict {
		t.Errorf("a call that does not run: %d", status)
	}
	done := map[string]chan faas.Outcome{"x": make(chan faas.Outcome, 1), "y": make(chan faas.Outcome, 1)}
	for id, ended := range done {
		go func() {
			out, _ := s.callAs(id, servedKey, "", hangTimeout)
			ended <- out
		}()
		<-entered
	}
	if status, answer := s.ask("POST", "/v1/cancel", `{"execution_id":"x"}`); status != http.StatusOK {
		t.Errorf("cancelled: %d %s", status, answer)
	}
	out := <-done["x"]
	if out.Status != faas.ExecutionCancelled || string(out.Output) != `"`+faas.OutputCancelled+`"` || out.Duration <= 0 {
		t.Errorf("got %+v", out)
	}
	if id := <-gone; id != "x" {
		t.Errorf("the request of %s was given up", id)
	}
	close(release)
	if out := <-done["y"]; out.Status != faas.ExecutionSuccess {
		t.Errorf("the other call: %+v", out)
	}
}

// hangTimeout ends a test that hangs.
const hangTimeout = 5 * time.Minute

// TestServerThatNeverListens has the agent give up.
func TestServerThatNeverListens(t *testing.T) {
	key, err := faas.NewWorkerKey(strings.Repeat("a secret of the tests ", 2))
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewServer(podlayout.Config{
		TokenKey: key.Public(), Listen: "tcp:127.0.0.1:0", Server: &podlayout.Server{Port: 1, Key: servedKey}, Timeouts: agentconfig.Timeouts{Start: 100 * time.Millisecond},
	}, "w", slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "does not listen") {
		t.Errorf("got %v", err)
	}
}

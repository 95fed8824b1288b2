package agent_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/faas"
)

var plain = files{"main.py": "def f(a=1):\n    return a\n"}

func refusal(t *testing.T, body []byte) string {
	t.Helper()
	var r struct{ Refused string }
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return r.Refused
}

func TestRefusesStrangers(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil)
		for _, token := range []string{"", "x", testToken[:31], testToken + "0", strings.ToUpper(testToken)} {
			for _, path := range []string{
				"GET /v1/status", "POST /v1/call", "POST /v1/specialise", "POST /v1/drain", "POST /v1/cancel", "GET /nowhere",
			} {
				method, path, _ := strings.Cut(path, " ")
				status, body := r.ask(method, path, token, strings.NewReader("{}"))
				if status != http.StatusForbidden || refusal(t, body) != faas.RefusedToken {
					t.Errorf("%s with token %q: %d %s", path, token, status, body)
				}
			}
		}
		if s := r.status(); s.State != faas.WorkerGeneric {
			t.Errorf("became %s", s.State)
		}
	})
}

func TestRefusesBadRequests(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil)
		good := specialisation(t, plain.zip(t), "main.f")
		call := func(text string) string { return strings.ReplaceAll(text, "KEY", `{"function_id":"f","revision":1}`) }
		for _, c := range []struct {
			name, method, path, body string
			status                   int
			refused                  string
		}{
			{"unknown path", "GET", "/v1/nothing", "", 404, "unknown"},
			{"wrong method", "GET", "/v1/call", "", 404, "unknown"},
			{"no call", "POST", "/v1/call", "", 400, "invalid"},
			{"a call that is no JSON", "POST", "/v1/call", "{", 400, "invalid"},
			{"a call without timeout", "POST", "/v1/call", call(`{"key":KEY}`), 400, "invalid"},
			{"a call of a generic worker", "POST", "/v1/call", call(`{"key":KEY,"timeout":1}`), 409, faas.RefusedNotMine},
			{"a call without key", "POST", "/v1/call", `{"timeout":1}`, 409, faas.RefusedNotMine},
			{"cancel without an execution", "POST", "/v1/cancel", `{}`, 400, "invalid"},
			{"cancel what is no JSON", "POST", "/v1/cancel", `{`, 400, "invalid"},
			{"cancel what does not run", "POST", "/v1/cancel", `{"execution_id":"x"}`, 409, faas.RefusedNotMine},
			{"drain for a word", "POST", "/v1/drain?idle_for=long", "", 400, "invalid"},
			{"drain for less than nothing", "POST", "/v1/drain?idle_for=-1s", "", 400, "invalid"},
			{"drain too early", "POST", "/v1/drain?idle_for=1h", "", 409, faas.RefusedBusy},
			{"no package", "POST", "/v1/specialise", "", 422, faas.RefusedPackage},
			{"no line", "POST", "/v1/specialise", strings.Repeat("x", 100_000), 422, faas.RefusedPackage},
			{"a line that is no JSON", "POST", "/v1/specialise", "{\n", 422, faas.RefusedPackage},
			{"a line that lacks the key", "POST", "/v1/specialise", `{"entry":"main.f","sha256":"x"}` + "\n", 422, faas.RefusedPackage},
			{"a package cut short", "POST", "/v1/specialise", string(good[:len(good)-3]), 422, faas.RefusedPackage},
			{"a package with more behind it", "POST", "/v1/specialise", string(good) + "x", 422, faas.RefusedPackage},
			{"no zip", "POST", "/v1/specialise", string(specialisation(t, []byte("hello"), "main.f")), 422, faas.RefusedPackage},
			{"a package that leads out", "POST", "/v1/specialise", string(specialisation(t, files{"main.py": "", "../x": ""}.zip(t), "main.f")), 422, faas.RefusedPackage},
			{"a large package that is no zip", "POST", "/v1/specialise", string(specialisation(t, make([]byte, 3<<20), "main.f")), 422, faas.RefusedPackage},
		} {
			t.Run(c.name, func(t *testing.T) {
				status, body := r.ask(c.method, c.path, testToken, strings.NewReader(c.body))
				if status != c.status || refusal(t, body) != c.refused {
					t.Errorf("got %d %s, want %d %s", status, body, c.status, c.refused)
				}
			})
		}
		// After all these it is as generic as before.
		if out := r.specialise("main.f", plain).call(`{"a": 2}`); string(out.Output) != "2" {
			t.Errorf("got %+v", out)
		}
	})
}

// Many want the worker at once: one has it.
func TestOneClaimWins(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil)
		body := specialisation(t, plain.zip(t), "main.f")
		results := make(chan int, 8)
		var wait sync.WaitGroup
		for range cap(results) {
			wait.Go(func() {
				status, answer := r.ask("POST", "/v1/specialise", testToken, bytes.NewReader(body))
				if status != http.StatusOK && refusal(t, answer) != faas.RefusedClaimed {
					t.Errorf("got %d %s", status, answer)
				}
				results <- status
			})
		}
		wait.Wait()
		close(results)
		won := 0
		for status := range results {
			if status == http.StatusOK {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d have it", won)
		}
		if s := r.status(); s.State != faas.WorkerSpecialised || s.Key != testKey {
			t.Errorf("status %+v", s)
		}
	})
}

func TestDrain(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", plain)
		r.call("")
		status, body := r.ask("POST", "/v1/drain?idle_for=0s", testToken, nil)
		if status != http.StatusOK {
			t.Fatalf("drain: %d %s", status, body)
		}
		if _, refused := r.try("", time.Second); refused != faas.RefusedDraining {
			t.Errorf("a call after draining: %q", refused)
		}
		if s := r.status(); s.State != faas.WorkerDraining {
			t.Errorf("state %s", s.State)
		}
	})
}

// A generic worker that was drained is nobody's any more.
func TestDrainGeneric(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil)
		if status, body := r.ask("POST", "/v1/drain", testToken, nil); status != http.StatusOK {
			t.Fatalf("drain: %d %s", status, body)
		}
		status, body := r.ask("POST", "/v1/specialise", testToken, bytes.NewReader(specialisation(t, plain.zip(t), "main.f")))
		if status != http.StatusConflict || refusal(t, body) != faas.RefusedDraining {
			t.Errorf("got %d %s", status, body)
		}
	})
}

// waits is a function that shows by a file of that name that it runs, and ends when another is
// there.
var waits = files{"main.py": `
import os, time
def f(name):
    home = os.environ["HOME"]
    open(os.path.join(home, name), "w").close()
    while not os.path.exists(os.path.join(home, "go")):
        time.sleep(0.005)
    print(name)
    return name
`}

func TestSlotsAreBounded(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", waits)
		var wait sync.WaitGroup
		for _, name := range []string{"a", "b", "c"} {
			wait.Go(func() {
				if out := r.call(`{"name":"` + name + `"}`); string(out.Output) != `"`+name+`"` || out.Log != name+"\n" {
					t.Errorf("%s: %+v", name, out)
				}
			})
			r.awaitFile(name)
		}
		if s := r.status(); s.Busy != 3 || s.IdleFor != 0 {
			t.Errorf("status %+v", s)
		}
		if _, refused := r.try(`{"name":"d"}`, time.Second); refused != faas.RefusedBusy {
			t.Errorf("a fourth call: %q", refused)
		}
		if status, _ := r.ask("POST", "/v1/drain", testToken, nil); status != http.StatusConflict {
			t.Errorf("drained while busy: %d", status)
		}
		r.touch("go")
		wait.Wait()
		if out := r.call(`{"name":"d"}`); out.Status != faas.ExecutionSuccess {
			t.Errorf("after: %+v", out)
		}
	})
}

// Asked to end, it lets calls finish; nobody's new ones.
func TestTerminates(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", waits)
		answered := make(chan faas.Outcome, 1)
		go func() {
			out, _ := r.try(`{"name":"a"}`, hangTimeout)
			answered <- out
		}()
		r.awaitFile("a")
		if err := r.command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		r.touch("go")
		if out := <-answered; string(out.Output) != `"a"` {
			t.Errorf("got %+v", out)
		}
		r.awaitEnd()
		if code := r.command.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit status %d", code)
		}
	})
}

// A call that does not end within the time that is left for it does not keep the worker.
func TestTerminatesInTime(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(
			t,
			"python3",
			func(c *agentconfig.Config) { c.Timeouts.Drain = 50 * time.Millisecond },
		).specialise("main.f", waits)
		answered := make(chan faas.Outcome, 1)
		go func() {
			out, _ := r.try(`{"name":"a"}`, time.Minute)
			answered <- out
		}()
		r.awaitFile("a")
		if err := r.command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if out := <-answered; out.Status != faas.ExecutionFailed {
			t.Errorf("got %+v", out)
		}
		r.awaitEnd()
	})
}

// TestTCP has no pod: its agent hears nobody of this host.
func TestTCP(t *testing.T) {
	r := begin(t, "python3", func(c *agentconfig.Config) { c.Listen = "tcp:127.0.0.1:0" }).specialise("main.f", plain)
	if out := r.call(""); string(out.Output) != "1" {
		t.Errorf("got %+v", out)
	}
}

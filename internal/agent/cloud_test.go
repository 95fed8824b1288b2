package agent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// objectStore plays Swift: to who has one of the tokens it lists a container that is named after
// it.
func objectStore(t *testing.T, tokens ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("X-Auth-Token")
		if !slices.Contains(tokens, token) || strings.TrimSuffix(r.URL.Path, "/") != "/v1/AUTH_p" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `[{"name": "for %s"}]`, token)
	}))
	t.Cleanup(s.Close)
	return s
}

// cloudContext is what API and engine give a call; docs/runtime-protocol.md has it.
func cloudContext(swift, token string) json.RawMessage {
	return fmt.Appendf(
		nil,
		`{"os":{"auth_url":"http://keystone.invalid/v3","token":%q,"expires_at":%q,"user_id":"u","project_id":"p","region":"R",`+
			`"interface":"public","endpoints":{"object-store":"%s/v1/AUTH_p"}}}`,
		token,
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		swift,
	)
}

// with makes a call with a context and returns what it returned.
func (r *running) with(context json.RawMessage) string {
	r.t.Helper()
	out, refused := r.tryCall(faas.Call{ExecutionID: "e", Timeout: hangTimeout, Context: context})
	if refused != "" || out.Status != faas.ExecutionSuccess {
		r.t.Fatalf("%s %s %s\n%s", refused, out.Status, out.Output, out.Log)
	}
	return string(out.Output)
}

func needKeystoneauth(t *testing.T) {
	t.Helper()
	for _, python := range []string{"/usr/bin/python3", "/usr/local/bin/python3", "python3"} {
		if path, err := exec.LookPath(python); err == nil { // the one that the harness takes
			if out, err := exec.Command(path, "-I", "-c", "import keystoneauth1").CombinedOutput(); err != nil {
				t.Skipf("%s has no keystoneauth1: %s", path, out)
			}
			return
		}
	}
}

func TestPythonSession(t *testing.T) {
	needKeystoneauth(t)
	each(t, func(t *testing.T, begin beginner) {
		swift := objectStore(t, "first", "second")
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
import json, sys
kept = None
def f(context):
    global kept
    early = "keystoneauth1" in sys.modules
    session = context["os_session"]
    first = kept is None
    kept = kept or session
    listed = kept.get("/?format=json", endpoint_filter={"service_type": "object-store", "region_name": "R"}).json()
    return [listed, session is kept, context.get("os_session") is session, "os_session" in context, json.dumps(context), first and early,
            session.get_token() , session.get_project_id(), session.get_user_id(), sorted(m for m in sys.modules if m in ("eventlet", "osprofiler"))]
`})
		want := `[[{"name":"for first"}],true,true,true,"{}",false,"first","p","u",[]]`
		for range 2 {
			if got := r.with(cloudContext(swift.URL, "first")); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		if got := r.with(cloudContext(swift.URL, "second")); got != strings.ReplaceAll(want, "first", "second") {
			t.Errorf("with the next token: %s", got)
		}
	})
}

func TestPythonWithoutSession(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
def f(context):
    try:
        context["os_session"]
    except KeyError as error:
        said = str(error)
    return [said.startswith("This function acts for nobody"), context.get("os_session", 1), "os_session" in context, context,
            bool(context)]
`})
		if got := r.with(nil); got != `[true,1,false,{},false]` {
			t.Errorf("got %s", got)
		}
	})
}

// TestPythonContextIsTrueWithASession needs no keystoneauth1: the session is not asked for.
func TestPythonContextIsTrueWithASession(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
def f(context=None):
    return ["given" if context else "none", len(context)]
`})
		if got := r.with(cloudContext("http://swift.invalid", "first")); got != `["given",0]` {
			t.Errorf("with a session: %s", got)
		}
		if got := r.with(nil); got != `["none",0]` {
			t.Errorf("without: %s", got)
		}
	})
}

// TestPythonWithoutKeystoneauth hides the library.
func TestPythonWithoutKeystoneauth(t *testing.T) {
	r := begin(
		t, "python3", nil,
	).specialise("main.f", files{"keystoneauth1.py": "raise ImportError('not here')", "main.py": `
def f(context):
    try:
        context["os_session"]
    except KeyError as error:
        return str(error)
`})
	if got := r.with(cloudContext("http://swift.invalid", "t")); !strings.Contains(
		got, "The runtime has no keystoneauth1",
	) {
		t.Errorf("got %s", got)
	}
}

func TestNodejsSession(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		swift := objectStore(t, "first", "second")
		r := begin(t, "nodejs", nil).specialise("main.f", files{"main.js": `
let kept;
exports.f = async (input, context) => {
  kept ??= context.os;
  const answer = await fetch(kept.endpoints['object-store'] + '?format=json', { headers: { 'X-Auth-Token': kept.token } });
  return [await answer.json(), context.os.project_id, context.os.auth_url, JSON.stringify(context).includes(context.os.token)];
};
`})
		want := `[[{"name":"for first"}],"p","http://keystone.invalid/v3",false]`
		if got := r.with(cloudContext(swift.URL, "first")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := r.with(cloudContext(swift.URL, "second")); got != strings.ReplaceAll(want, "first", "second") {
			t.Errorf("with the next token: %s", got)
		}
	})
}

func TestNodejsWithoutSession(t *testing.T) {
	r := begin(
		t, "nodejs", nil,
	).specialise("main.f", files{"main.js": "exports.f = (input, context) => [context, context.os === undefined];"})
	if got := r.with(nil); got != `[{},true]` {
		t.Errorf("got %s", got)
	}
}

// renewed starts a call with the token "first", gives it "second" while it runs, and returns what
// it returned.
func (r *running) renewed(swift string) string {
	r.t.Helper()
	returned := make(chan string, 1)
	go func() {
		out, refused := r.tryCall(faas.Call{ExecutionID: "long", Timeout: hangTimeout, Context: cloudContext(swift, "first")})
		returned <- refused + string(out.Output)
	}()
	r.awaitFile("begun")
	for execution, want := range map[string]int{"long": http.StatusOK, "another": http.StatusConflict} {
		body, err := json.Marshal(faas.Credentials{ExecutionID: execution, Context: cloudContext(swift, "second")})
		if err != nil {
			r.t.Fatal(err)
		}
		if status, answer := r.ask("POST", "/v1/credentials", testToken, bytes.NewReader(body)); status != want {
			r.t.Errorf("credentials for %s: %d %s", execution, status, answer)
		}
	}
	if status, _ := r.ask("POST", "/v1/credentials", "a wrong token", strings.NewReader("{}")); status != http.StatusForbidden {
		r.t.Errorf("a stranger's credentials: %d", status)
	}
	r.touch("go")
	return <-returned
}

const pythonLong = `
import os, time, threading
def f(context):
    session = context["os_session"]
    seen = [session.get_token()]
    home = os.environ["HOME"]
    open(home + "/begun", "w").close()
    while not os.path.exists(home + "/go"):
        time.sleep(0.01)
    others = []
    threads = [threading.Thread(target=lambda: others.append(session.get_token())) for _ in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return seen + [session.get_token()] + sorted(set(others))
`

func TestPythonSessionOfALongCall(t *testing.T) {
	needKeystoneauth(t)
	each(t, func(t *testing.T, begin beginner) {
		swift := objectStore(t)
		r := begin(t, "python3", nil).specialise("main.f", files{"main.py": pythonLong})
		if got := r.renewed(swift.URL); got != `["first","second","second"]` {
			t.Errorf("got %s", got)
		}
		if got := r.with(cloudContext(swift.URL, "third")); got != `["third","third","third"]` {
			t.Errorf("the next call: %s", got)
		}
	})
}

// TestCredentialsThatNobodyReads has a call end without a look at its session: the next one is not
// confused by what came.
func TestCredentialsThatNobodyReads(t *testing.T) {
	needKeystoneauth(t)
	r := begin(t, "python3", nil).specialise("main.f", files{"main.py": `
import os, time
def f(context):
    home = os.environ["HOME"]
    if not os.path.exists(home + "/begun"):
        open(home + "/begun", "w").close()
        while not os.path.exists(home + "/go"):
            time.sleep(0.01)
        return "unread"
    return context["os_session"].get_token()
`})
	if got := r.renewed("http://swift.invalid"); got != `"unread"` {
		t.Errorf("got %s", got)
	}
	if got := r.with(cloudContext("http://swift.invalid", "third")); got != `"third"` {
		t.Errorf("the next call: %s", got)
	}
}

func TestNodejsSessionOfALongCall(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "nodejs", nil).specialise("main.f", files{"main.js": `
const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
exports.f = async (input, context) => {
  const seen = [context.os.token];
  fs.writeFileSync(process.env.HOME + '/begun', '');
  while (!fs.existsSync(process.env.HOME + '/go')) await sleep(10);
  while (context.os.token === 'first') await sleep(1); // "second" is sent by now, and read in its turn
  return [...seen, context.os.token];
};
`})
		if got := r.renewed("http://swift.invalid"); got != `["first","second"]` {
			t.Errorf("got %s", got)
		}
		if got := r.with(cloudContext("http://swift.invalid", "third")); got != `["third","third"]` {
			t.Errorf("the next call: %s", got)
		}
	})
}

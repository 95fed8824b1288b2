package agent_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// environments is a function of each language that returns what its module found when it was
// loaded, what a call finds, and what a process that it starts finds.
var environments = map[string]struct{ file, body string }{
	"python3": {"main.py", `import os, subprocess, time
LOADED = os.environ.get("TOKEN")
def f(name="TOKEN", end=False):
    if end:
        os._exit(3)
    child = subprocess.run(["/bin/sh", "-c", 'printf %s "$TOKEN"'], stdout=subprocess.PIPE).stdout.decode()
    return [LOADED, os.environ.get(name), child, time.localtime(0).tm_hour, os.path.basename(os.getcwd())]
`},
	"nodejs": {"main.js", `const { execFileSync } = require('node:child_process');
const path = require('node:path');
const loaded = process.env.TOKEN;
exports.f = ({ name = 'TOKEN', end } = {}) => {
  if (end) process.exit(3);
  const child = execFileSync('/bin/sh', ['-c', 'printf %s "$TOKEN"']).toString();
  return [loaded, process.env[name] ?? null, child, new Date(0).getHours(), path.basename(process.cwd())];
};
`},
}

// TestEnvironment sets variables of functions: they are there before the module is loaded, in every
// process of the function, in those too that follow one that has ended, and nowhere that somebody
// else looks.
func TestEnvironment(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		for runtime, code := range environments {
			t.Run(runtime, func(t *testing.T) { functionFindsItsEnvironment(t, begin, runtime, code.file, code.body) })
		}
	})
}

func functionFindsItsEnvironment(t *testing.T, begin beginner, runtime, file, body string) {
	const secret = "sécret \"$HOME\"\nof two lines <&>"
	pack := files{file: body}.zip(t)
	sum := sha256.Sum256(pack)
	head, err := json.Marshal(faas.Specialisation{
		Key: testKey, Entry: "main.f", SHA256: hex.EncodeToString(sum[:]), MemorySize: faas.DefaultMemorySize,
		Environment: faas.Environment{
			"TOKEN": secret, "EMPTY": "", "TZ": "UTC-5", "HOME": "/nowhere", "__proto__": "p", "LARGE": strings.Repeat("x", 4<<10),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := begin(t, runtime, nil)
	status, answer := r.ask("POST", "/v1/specialise", testToken, bytes.NewReader(append(append(head, '\n'), pack...)))
	if status != http.StatusOK {
		t.Fatalf("specialise: %d %s", status, answer)
	}
	want := func(name, value string) {
		t.Helper()
		quoted, _ := json.Marshal(secret)
		one, _ := json.Marshal(value)
		check(t, languageCase{output: fmt.Sprintf(`[%s, %s, %s, 5, ".package"]`, quoted, one, quoted)},
			r.call(fmt.Sprintf(`{"name": %q}`, name)))
	}
	want("TOKEN", secret)
	want("EMPTY", "")
	want("HOME", "/nowhere")
	want("__proto__", "p")
	want("LARGE", strings.Repeat("x", 4<<10))
	if out := r.call(`{"end": true}`); out.Status != faas.ExecutionFailed {
		t.Fatalf("the process did not end: %+v", out)
	}
	want("TOKEN", secret) // of another process
	_, answer = r.ask("GET", "/v1/status", testToken, nil)
	if strings.Contains(string(answer), "two lines") {
		t.Errorf("the status tells a variable: %s", answer)
	}
	r.hidesFromProcesses("of two lines")
}

// hidesFromProcesses looks through the arguments and the environment of every process that runs, as
// ps shows them.
func (r *running) hidesFromProcesses(text string) {
	r.t.Helper()
	looked := 0
	for _, file := range []string{"cmdline", "environ"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + file)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path) // of processes that have ended, or are another user's, there is none
			if err == nil {
				looked++
			}
			if strings.Contains(string(content), text) {
				r.t.Errorf("%s tells a variable", path)
			}
		}
	}
	if looked == 0 {
		r.t.Error("no process could be looked at")
	}
}

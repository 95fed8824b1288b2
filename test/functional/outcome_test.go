package functional

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/testkit"
)

// outcome is a function, how it is called, and what its caller must be told.
type outcome struct {
	name, code string
	entry      string // "": main.main
	input      any
	status     string
	output     string // a part of the output as JSON
	log        string // a part of the log
	timeout    int    // seconds; 0: functionTimeout
}

// anEvent is an input as a trigger makes it.
var anEvent = map[string]any{
	"name": "Ada", "__event": map[string]any{
		"specversion": "1.0", "id": "1", "source": "/me", "type": "test", "data": map[string]int{"n": 7},
	},
}

var pythonOutcomes = []outcome{
	{
		name:   "an object",
		code:   "def main(a, b=2):\n    return {'sum': a + b}",
		input:  map[string]int{"a": 1},
		status: "success",
		output: `{"sum":3}`,
	},
	{name: "a plain word", code: "def main(word):\n    return word * 2", input: "ab", status: "success", output: `"abab"`},
	{
		name:   "an event",
		code:   "def main(name, event):\n    return [name, event['type'], event['data']['n']]",
		input:  anEvent,
		status: "success",
		output: `["Ada","test",7]`,
	},
	{name: "nothing", code: "def main():\n    pass", status: "success", output: "null"},
	{
		name:   "async def",
		code:   "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    return [1, None, 'ü']",
		status: "success",
		output: `[1,null,"ü"]`,
	},
	{
		name:   "an exception",
		code:   "def main():\n    raise ValueError('too bad')",
		status: "failed",
		output: `"ValueError: too bad"`,
		log:    "main.py\", line 2, in main",
	},
	{name: "no JSON", code: "def main():\n    return {1, 2}", status: "failed", output: "JSON"},
	{name: "NaN", code: "def main():\n    return float('nan')", status: "failed", output: "JSON"},
	{name: "a syntax error", code: "def main(:\n", status: "failed", output: "syntax", log: "main.py"},
	{
		name:   "a module that the host alone has",
		code:   "def main():\n    import yaml",
		status: "failed",
		output: "ModuleNotFoundError: No module named 'yaml'",
	},
	{name: "no such function", code: "def other():\n    pass", status: "failed", output: "other"},
	{name: "no such module", code: "def main():\n    pass", entry: "absent.main", status: "failed", output: "main"},
	{name: "an exit", code: "import os\ndef main():\n    os._exit(3)", status: "failed", output: "3"},
	{
		name:    "too long",
		code:    "import time\ndef main():\n    print('begun')\n    time.sleep(10000)",
		status:  "failed",
		output:  "Function execution timeout.",
		log:     "begun",
		timeout: 3,
	},
	{
		name:   "too much memory",
		code:   "def main():\n    b = bytearray(400 << 20)\n    return len(b)",
		status: "failed",
		output: "too much resource consumption",
	},
	{
		name: "order of the log",
		code: "import subprocess, sys\ndef main():\n    print('one')\n" +
			"    subprocess.run(['/bin/sh', '-c', 'echo two; echo three >&2'])\n    sys.stderr.write('four\\n')",
		status: "success",
		log:    "one\ntwo\nthree\nfour\n",
	},
	{
		name:   "a long log",
		code:   "def main():\n    print('first')\n    for i in range(100000):\n        print('line', i)\n    print('last')",
		status: "success",
		log:    "last",
	},
	{
		name:   "too many files",
		code:   "def main():\n    return len([open('/dev/null') for i in range(2000)])",
		status: "failed",
		output: "Too many open files",
	},
}

var nodeOutcomes = []outcome{
	{
		name:   "an object",
		code:   "exports.main = ({a, b = 2}) => ({sum: a + b})",
		input:  map[string]int{"a": 1},
		status: "success",
		output: `{"sum":3}`,
	},
	{name: "a plain word", code: "exports.main = (word) => word + word", input: "ab", status: "success", output: `"abab"`},
	{
		name:   "an event",
		code:   "exports.main = ({name, event}) => [name, event.type, event.data.n]",
		input:  anEvent,
		status: "success",
		output: `["Ada","test",7]`,
	},
	{
		name:   "a promise",
		code:   "exports.main = async () => { await null; return [1, null, 'ü'] }",
		status: "success",
		output: `[1,null,"ü"]`,
	},
	{name: "undefined", code: "exports.main = () => {}", status: "success", output: "null"},
	{
		name:   "an error",
		code:   "exports.main = () => { throw new Error('too bad') }",
		status: "failed",
		output: `"Error: too bad"`,
		log:    "main.js:1",
	},
	{
		name:   "a rejection",
		code:   "exports.main = () => Promise.reject(new Error('no'))",
		status: "failed",
		output: `"Error: no"`,
		log:    "main.js:1",
	},
	{name: "no JSON", code: "exports.main = () => 10n", status: "failed", output: "JSON"},
	{name: "a syntax error", code: "exports.main = (", status: "failed", output: "Unexpected", log: "main.js"},
	{name: "no such function", code: "exports.other = () => 1", status: "failed", output: "other"},
	{name: "an exit", code: "exports.main = () => process.exit(3)", status: "failed", output: "3"},
	{
		name:    "too long",
		code:    "exports.main = () => { console.log('begun'); for (;;) {} }",
		status:  "failed",
		output:  "Function execution timeout.",
		log:     "begun",
		timeout: 3,
	},
	{
		name: "order of the log",
		code: "const {execSync} = require('child_process')\nexports.main = () => { console.log('one'); " +
			"execSync('echo two; echo three >&2', {stdio: 'inherit'}); console.error('four') }",
		status: "success",
		log:    "one\ntwo\nthree\nfour\n",
	},
}

// TestOutcomes runs functions that do what functions do, well and badly, and looks at what their
// callers are told.
func TestOutcomes(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\nworker_idle_time = 2\n", &log)
	defer stop(t, s)
	for _, language := range []struct {
		runtime, file string
		outcomes      []outcome
	}{{"python3", "main.py", pythonOutcomes}, {"nodejs", "main.js", nodeOutcomes}} {
		rt, err := s.Client.AwaitRuntime(ctx, language.runtime)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range language.outcomes {
			t.Run(language.runtime+" "+o.name, func(t *testing.T) { o.check(ctx, t, s.Client, rt.ID, language.file) })
		}
	}
	if t.Failed() {
		t.Log(log.String())
	}
}

func (o outcome) check(ctx context.Context, t *testing.T, c *apiclient.Client, runtime, file string) {
	zip, err := apiclient.Zip(map[string]string{file: o.code})
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.CreateFunction(
		ctx,
		apiclient.NewFunction{
			Name:      o.name,
			RuntimeID: runtime,
			Entry:     o.entry,
			Package:   zip,
			CPU:       1000,
			Timeout:   cmp.Or(o.timeout, functionTimeout),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second on the worker that the first has left
		x, err := c.Execute(ctx, f.ID, true, o.input)
		if err != nil {
			t.Fatal(err)
		}
		log, err := c.Log(ctx, x.ID)
		if err != nil {
			t.Fatal(err)
		}
		if x.Status != o.status || !strings.Contains(string(x.Output()), o.output) || !strings.Contains(log, o.log) {
			t.Errorf("%s %s, log %q; want %s, %q, %q", x.Status, x.Result, clip(log), o.status, o.output, o.log)
		}
		var result struct{ Duration *float64 }
		if err := json.Unmarshal([]byte(x.Result), &result); err != nil || result.Duration == nil || *result.Duration < 0 {
			t.Errorf("the result %s has no duration", x.Result)
		}
	}
	if err := c.Do(ctx, "DELETE", "/v1/functions/"+f.ID, nil, nil); err != nil {
		t.Error(err)
	}
}

func clip(s string) string { return s[:min(len(s), 500)] }

// apart is a function of three roles. "endless" says when half of its time is over and never
// returns; "patient" returns when the test says so.
const apart = `
import os, time

def main(role, folder):
    if role == "endless":
        time.sleep(6)
        mark = "half"
    else:
        mark = f"{role}-{os.getpid()}"
    open(os.path.join(folder, mark), "w").close()
    while role == "endless" or role == "patient" and not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.01)
    return role
`

// TestSlotsAreApart has one call run out of time while its neighbours on the same worker go on.
// They begin when half of its time is over and end after its end, when half of theirs is: there is
// room for delays on both sides.
func TestSlotsAreApart(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\nmax_workers_per_function = 1\n", &log)
	defer stop(t, s)
	f := pythonWithin(ctx, t, s.Client, apart, 12)
	folder := testkit.SharedFolder(t)
	call := func(role string) chan string {
		ended := make(chan string, 1)
		go func() {
			x, err := s.Client.Execute(ctx, f.ID, true, map[string]string{"role": role, "folder": folder})
			ended <- fmt.Sprint(x.Status, err)
		}()
		return ended
	}
	endless := call("endless")
	await(ctx, t, "half of its time is over", func() bool {
		_, err := os.Stat(filepath.Join(folder, "half"))
		return err == nil
	})
	patient := []chan string{call("patient"), call("patient")}
	begun := func() int {
		marks, _ := filepath.Glob(filepath.Join(folder, "patient-*")) // the pattern is well formed
		return len(marks)
	}
	await(ctx, t, "the neighbours are under way", func() bool { return begun() == 2 || len(endless) > 0 })
	t.Logf("%d neighbours ran when it ended", begun())
	if got := <-endless; got != "failed<nil>" {
		t.Errorf("the call that takes too long: %s", got)
	}
	for _, p := range patient {
		select {
		case got := <-p:
			t.Errorf("a neighbour ended with it: %s", got)
			return
		default:
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, p := range patient {
		if got := <-p; got != "success<nil>" {
			t.Errorf("a neighbour of the call that took too long: %s", got)
		}
	}
	if got := <-call("quick"); got != "success<nil>" {
		t.Errorf("after that: %s\n%s", got, &log)
	}
}

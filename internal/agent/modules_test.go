package agent_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// findsModules says which of the modules that this interpreter has installed a function finds, in
// its own process and in one that it starts, and which of the offered ones are installed at all.
const findsModules = `
import importlib.metadata, importlib.util, multiprocessing, os, site, sys
def found(_=None):
    names = {n.partition(".")[0] for d in site.getsitepackages() if os.path.isdir(d) for n in os.listdir(d)}
    return sorted(n for n in names if n.isidentifier() and n != "__pycache__" and n not in sys.stdlib_module_names and importlib.util.find_spec(n))
def f(offered):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        spawned = pool.map(found, [0])[0]
    there = [n for n in offered if any(os.path.exists(os.path.join(d, n + end)) for d in site.getsitepackages() for end in ("", ".py"))]
    named = sorted({d.metadata["Name"].lower().replace("-", "_") for d in importlib.metadata.distributions()})
    return [found(), spawned, there, [n for n in named if n not in offered], {n: importlib.metadata.version(n) for n in there}]
`

// TestPythonModulesAreTheSameEverywhere has a function look at every module that this host's
// interpreter has installed: it finds those of the list, and no other.
func TestPythonModulesAreTheSameEverywhere(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		text, err := os.ReadFile("../../runtimes/python3/modules.txt")
		if err != nil {
			t.Fatal(err)
		}
		var offered []string
		for line := range strings.Lines(string(text)) {
			if name := strings.TrimSpace(line); !strings.HasPrefix(name, "#") {
				offered = append(offered, name)
			}
		}
		input, err := json.Marshal(map[string]any{"offered": offered})
		if err != nil {
			t.Fatal(err)
		}
		r := begin(t, "python3", nil).specialiseFor(256<<20, "main.f", files{"main.py": findsModules})
		out := r.call(string(input))
		var found, spawned, there, stray []string
		var versions map[string]string
		if err := json.Unmarshal(out.Output, &[]any{&found, &spawned, &there, &stray, &versions}); err != nil {
			t.Fatalf("%s: %v\n%s", out.Output, err, out.Log)
		}
		if !slices.Equal(found, there) || !slices.Equal(spawned, there) || len(stray) > 0 || len(versions) != len(there) {
			t.Errorf("found %v, a child %v, metadata also of %v; want %v", found, spawned, stray, there)
		}
		said := r.contents()
		if !regexp.MustCompile(`^Python 3\.[0-9.]+$`).MatchString(said.Interpreter) || len(said.Modules) != len(versions) {
			t.Errorf("the runtime has %+v, want %v", said, versions)
		}
		for _, m := range said.Modules {
			if m.Version == nil || *m.Version != versions[m.Name] {
				t.Errorf("%s has the version %v, want %q", m.Name, m.Version, versions[m.Name])
			}
		}
	})
}

// contents asks the agent what its runtime has.
func (r *running) contents() (said faas.Contents) {
	r.t.Helper()
	status, body := r.ask("GET", "/v1/runtime", testToken, nil)
	if err := json.Unmarshal(body, &said); err != nil || status != http.StatusOK {
		r.t.Fatalf("%d %s", status, body)
	}
	return said
}

// TestNodeModulesAreTheSameEverywhere has a function ask for a module in a folder in which Node.js
// looks on every host, outside the package.
func TestNodeModulesAreTheSameEverywhere(t *testing.T) {
	each(t, func(t *testing.T, begin beginner) {
		r := begin(t, "nodejs", nil).specialise("main.f", files{
			"main.js": `
const fs = require('fs'), os = require('os');
exports.f = () => {
  fs.mkdirSync(os.homedir() + '/.node_modules', { recursive: true });
  fs.writeFileSync(os.homedir() + '/.node_modules/installed.js', 'module.exports = 1');
  return [require('own').n, require('node:path').sep, require('fs') === fs, require('installed')];
};`,
			"node_modules/own/index.js": "exports.n = 1",
		})
		if out := r.call(""); out.Status != faas.ExecutionFailed ||
			!strings.Contains(string(out.Output), "Cannot find module 'installed'") {
			t.Errorf("got %s %s\n%s", out.Status, out.Output, out.Log)
		}
		said := r.contents()
		if !regexp.MustCompile(`^Node\.js [0-9.]+$`).MatchString(said.Interpreter) || said.Modules == nil || len(said.Modules) > 0 {
			t.Errorf("the runtime has %+v", said)
		}
	})
}

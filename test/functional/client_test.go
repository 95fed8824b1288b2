package functional

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/test/functional/osc"
)

// openstack runs Debian's own client, python-qinlingclient within it.
type openstack struct {
	t        *testing.T
	ctx      context.Context
	endpoint string
	dir      string
}

func (o openstack) run(args ...string) (string, error) {
	o.t.Helper()
	answer, err := osc.Run(o.dir, nil, append([]string{"--os-auth-type", "none", "--os-endpoint", o.endpoint}, args...)...)
	if err != nil {
		o.t.Fatal(err)
	}
	if answer.Status != 0 {
		err = fmt.Errorf("exit status %d", answer.Status)
	}
	return answer.Out + answer.Err, err
}

// must runs a command that is to succeed and returns its output.
func (o openstack) must(args ...string) string {
	o.t.Helper()
	out, err := o.run(args...)
	if err != nil {
		o.t.Fatalf("openstack %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

// show runs a command that shows one thing and returns its columns.
func (o openstack) show(args ...string) map[string]any {
	o.t.Helper()
	out := o.must(append(args, "-f", "json")...)
	var columns map[string]any
	if err := json.Unmarshal([]byte(out), &columns); err != nil {
		o.t.Fatalf("openstack %s printed %q: %v", strings.Join(args, " "), out, err)
	}
	return columns
}

// refused runs a command that is to fail with these words.
func (o openstack) refused(words string, args ...string) {
	o.t.Helper()
	out, err := o.run(args...)
	if err == nil || !strings.Contains(out, words) {
		o.t.Errorf("openstack %s: %v; its output should hold %q:\n%s", strings.Join(args, " "), err, words, out)
	}
}

func (o openstack) write(name, text string) string {
	o.t.Helper()
	path := filepath.Join(o.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		o.t.Fatal(err)
	}
	return path
}

// TestOpenStackClient types every command of the client that belongs to runtimes, functions and
// executions.
func TestOpenStackClient(t *testing.T) {
	ctx := testContext(t)
	dir := t.TempDir()
	var log logBuffer
	s := start(ctx, t, dir, "[engine]\npool_size = 1\n", &log)
	defer stop(t, s)
	if _, err := s.Client.AwaitRuntime(ctx, "python3"); err != nil {
		t.Fatal(err)
	}
	o := openstack{t: t, ctx: ctx, endpoint: s.Client.Endpoint, dir: t.TempDir()}
	function := o.functions()
	o.executions(function)
	o.runtimes()
	o.refused("not found", "function", "show", "00000000-0000-4000-8000-000000000000")
	o.must("function", "delete", "renamed")
	o.refused("No Function matching", "function", "show", "renamed")
	if t.Failed() {
		t.Log(log.String())
	}
}

// functions makes, changes, lists and downloads a function and returns its id.
func (o openstack) functions() string {
	file := o.write(
		"hello.py", "def main(name='World', **kwargs):\n    print('greeting', name)\n    return 'Hello, ' + name\n",
	)
	made := o.show(
		"function", "create", "--name", "hello", "--runtime", "python3", "--file", file, "--entry", "hello.main",
		"--cpu", "500", "--memory-size", "67108864", "--timeout", "70",
	)
	id, _ := made["id"].(string)
	for column, want := range map[string]any{
		"name": "hello", "entry": "hello.main", "cpu": 500.0, "memory_size": 67108864.0, "timeout": 70.0,
	} {
		if made[column] != want {
			o.t.Errorf("function create shows %s = %v, want %v", column, made[column], want)
		}
	}
	if list := o.must("function", "list", "-f", "value", "-c", "Id", "-c", "Name"); list != id+" hello" {
		o.t.Errorf("function list prints %q", list)
	}
	if list := o.must("function", "list", "--filter", "name=neq:hello", "-f", "value", "-c", "Id"); list != "" {
		o.t.Errorf("a filtered function list prints %q", list)
	}
	changed := o.show("function", "update", "hello", "--name", "renamed", "--timeout", "90", "--description", "greets")
	if changed["name"] != "renamed" || changed["timeout"] != 90.0 || changed["description"] != "greets" ||
		changed["entry"] != "hello.main" {
		o.t.Errorf("function update shows %v", changed)
	}
	file = o.write(
		"hello.py",
		"def main(name='World', **kwargs):\n    print('greeting', name)\n    return 'Good day, ' + name\n",
	)
	o.show("function", "update", "renamed", "--file", file)
	zip := filepath.Join(o.dir, "down.zip")
	o.must("function", "download", "renamed", "--output", zip)
	out, err := exec.CommandContext(o.ctx, "/usr/bin/python3", "-m", "zipfile", "-l", zip).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "hello.py") {
		o.t.Errorf("the downloaded package: %v %s", err, out)
	}
	return id
}

// executions runs the function both ways and looks at what is recorded.
func (o openstack) executions(function string) {
	x := o.show("function", "execution", "create", "--function", "renamed", "--input", `{"name": "Ada"}`)
	if x["status"] != "success" || !strings.Contains(x["result"].(string), "Good day, Ada") {
		o.t.Errorf("function execution create shows %v", x)
	}
	id := x["id"].(string)
	if log := o.must("function", "execution", "log", "show", id); log != "greeting Ada" {
		o.t.Errorf("function execution log show prints %q", log)
	}
	later := o.show("function", "execution", "create", "--function", function, "--async")
	if later["status"] != "running" {
		o.t.Errorf("function execution create --async shows %v", later)
	}
	for later["status"] == "running" {
		later = o.show("function", "execution", "show", later["id"].(string))
	}
	if later["status"] != "success" {
		o.t.Errorf("function execution show shows %v", later)
	}
	list := o.must(
		"function", "execution", "list", "--filter", "status=success", "--filter", "function_id="+function, "-f",
		"value", "-c", "Id",
	)
	if len(strings.Fields(list)) != 2 || !strings.Contains(list, id) {
		o.t.Errorf("function execution list prints %q", list)
	}
	o.must("function", "execution", "delete", "--execution", id)
	o.refused("not found", "function", "execution", "show", id)
}

// runtimes makes one that comes up, one that cannot, and removes both.
func (o openstack) runtimes() {
	python := o.runtimeID("python3")
	if pool := o.must("runtime", "pool", "show", python); !strings.Contains(pool, "available") {
		o.t.Errorf("runtime pool show prints %s", pool)
	}
	good := o.show("runtime", "create", "--name", "mine", "--description", "ours", "python3")
	for good["status"] == "creating" {
		good = o.show("runtime", "show", good["id"].(string))
	}
	if good["status"] != "available" {
		o.t.Errorf("runtime show shows %v", good)
	}
	bad := o.show("runtime", "create", "no-such-language")
	for bad["status"] == "creating" {
		bad = o.show("runtime", "show", bad["id"].(string))
	}
	if bad["status"] != "error" {
		o.t.Errorf("runtime show shows %v", bad)
	}
	o.must("runtime", "delete", good["id"].(string), bad["id"].(string))
	o.refused("in use", "runtime", "delete", python)
	if list := o.must("runtime", "list", "-f", "value", "-c", "Name"); len(strings.Fields(list)) != 2 {
		o.t.Errorf("runtime list prints %q", list)
	}
}

// runtimeID finds a runtime in the list: the client's commands for runtimes take ids only.
func (o openstack) runtimeID(name string) string {
	o.t.Helper()
	for line := range strings.Lines(o.must("runtime", "list", "-f", "value", "-c", "Id", "-c", "Name")) {
		if f := strings.Fields(line); len(f) == 2 && f[1] == name {
			return f[0]
		}
	}
	o.t.Fatalf("runtime list has no %s", name)
	return ""
}

package functional

import (
	"strings"
	"testing"
)

// TestOpenStackClientVersions types every command of the client that belongs to versions, aliases
// and workers.
func TestOpenStackClientVersions(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 2\n", &log)
	defer stop(t, s)
	if _, err := s.Client.AwaitRuntime(ctx, "python3"); err != nil {
		t.Fatal(err)
	}
	o := openstack{t: t, ctx: ctx, endpoint: s.Client.Endpoint, dir: t.TempDir()}
	file := o.write("old.py", "def main(**kwargs):\n    return 'old'\n")
	made := o.show("function", "create", "--name", "f", "--runtime", "python3", "--file", file, "--entry", "old.main")
	function := made["id"].(string)
	o.versions(function)
	o.aliases(function)
	o.workers(function)
	o.must("function", "alias", "delete", "live")
	o.must("function", "delete", "f")
	o.refused("not found", "function", "version", "list", function)
	if t.Failed() {
		t.Log(log.String())
	}
}

// calls runs the function as the arguments say and returns what is recorded.
func (o openstack) calls(want string, args ...string) map[string]any {
	o.t.Helper()
	x := o.show(append([]string{"function", "execution", "create"}, args...)...)
	if result, _ := x["result"].(string); x["status"] != "success" || !strings.Contains(result, want) {
		o.t.Errorf("function execution create %s shows %v, want the result %s", strings.Join(args, " "), x, want)
	}
	return x
}

// versions freezes the function twice, calls both versions and the live code, and deletes one.
func (o openstack) versions(function string) {
	first := o.show("function", "version", "create", "f", "--description", "the first")
	if first["version_number"] != 1.0 || first["description"] != "the first" || first["function_id"] != function {
		o.t.Errorf("function version create shows %v", first)
	}
	o.refused("has not changed since its version 1", "function", "version", "create", "f")
	file := o.write("new.py", "def main(**kwargs):\n    return 'new'\n")
	o.show("function", "update", "f", "--file", file, "--entry", "new.main")
	if second := o.show("function", "version", "create", function); second["version_number"] != 2.0 {
		o.t.Errorf("function version create shows %v", second)
	}
	o.calls(`"old"`, "--function", "f", "--function-version", "1")
	o.calls(`"new"`, "--function", "f", "--function-version", "2")
	o.calls(`"new"`, "--function", "f")
	o.refused("can not be found", "function", "execution", "create", "--function", "f", "--function-version", "3")
	if shown := o.show("function", "version", "show", function, "1"); shown["id"] != first["id"] {
		o.t.Errorf("function version show shows %v", shown)
	}
	if list := o.must("function", "version", "list", function, "-f", "value", "-c", "Version_number"); list != "1\n2" {
		o.t.Errorf("function version list prints %q", list)
	}
	o.must("function", "version", "delete", function, "2")
	o.refused("can not be found", "function", "version", "show", function, "2")
}

// aliases makes, moves and lists an alias, and calls by it.
func (o openstack) aliases(function string) {
	made := o.show("function", "alias", "create", "live", "--function", "f", "--function-version", "1")
	if made["name"] != "live" || made["function_version"] != 1.0 || made["function_id"] != function {
		o.t.Errorf("function alias create shows %v", made)
	}
	if x := o.calls(`"old"`, "--function-alias", "live"); x["function_alias"] != "live" || x["function_version"] != 1.0 {
		o.t.Errorf("the execution is %v", x)
	}
	o.refused("in use by alias live", "function", "version", "delete", function, "1")
	o.refused("in use by alias live", "function", "delete", "f")
	moved := o.show("function", "alias", "update", "live", "--function-version", "0", "--description", "moved")
	if moved["function_version"] != 0.0 || moved["description"] != "moved" {
		o.t.Errorf("function alias update shows %v", moved)
	}
	o.calls(`"new"`, "--function-alias", "live")
	if shown := o.show("function", "alias", "show", "live"); shown["created_at"] != made["created_at"] ||
		shown["function_version"] != 0.0 {
		o.t.Errorf("function alias show shows %v", shown)
	}
	if list := o.must("function", "alias", "list", "-f", "value", "-c", "Name"); list != "live" {
		o.t.Errorf("function alias list prints %q", list)
	}
}

// workers scales the function up and down and detaches it. Version 1 keeps its one worker.
func (o openstack) workers(function string) {
	await := func(want int) {
		o.t.Helper()
		for {
			list := o.must("function", "worker", "list", function, "-f", "value", "-c", "Worker_name")
			if len(strings.Fields(list)) == want {
				return
			}
			if o.ctx.Err() != nil {
				o.t.Fatalf("function worker list prints %q, want %d workers", list, want)
			}
		}
	}
	await(2)
	o.must("function", "scaleup", function, "--count", "1")
	await(3)
	o.must("function", "scaledown", function, "--count", "5")
	await(2)
	o.must("function", "detach", function)
	await(1)
	o.must("function", "version", "detach", function, "1")
	await(0)
	o.calls(`"new"`, "--function", "f")
}

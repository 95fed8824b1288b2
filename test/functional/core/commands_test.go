package core

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/test/functional/osc"
)

// typist types commands of Debian's client as one of the cloud's users, and notes which.
type typist struct {
	t     *testing.T
	user  string
	env   map[string]string
	dir   string
	all   []string        // every command of python-qinlingclient
	typed map[string]bool // those that were typed
}

// typists returns one for each of the users, who share a folder.
func typists(t *testing.T, users ...string) []*typist {
	t.Helper()
	dir := t.TempDir()
	var found []*typist
	for _, user := range users {
		env, err := openrcValues(user)
		must(t, err)
		who := &typist{t: t, user: user, env: env, dir: dir, typed: map[string]bool{}}
		who.all = who.commands()
		found = append(found, who)
	}
	return found
}

// commands returns every command of the plugin, as the client itself lists them.
func (p *typist) commands() []string {
	var groups []struct {
		Group    string   `json:"Command Group"`
		Commands []string `json:"Commands"`
	}
	out := p.run("", "command", "list", "--group", "openstack.function_engine.v1", "-f", "json")
	if err := json.Unmarshal([]byte(out), &groups); err != nil || len(groups) != 1 {
		p.t.Fatalf("command list prints %q: %v", out, err)
	}
	return groups[0].Commands
}

// run types a command. It must succeed when words is empty, else fail and say the words, or those
// after a "|". Nothing may end in a traceback.
func (p *typist) run(words string, args ...string) string {
	p.t.Helper()
	answer, err := osc.Run(p.dir, p.env, args...)
	must(p.t, err)
	line := strings.Join(args, " ")
	for _, c := range p.all {
		if strings.HasPrefix(line+" ", c+" ") {
			p.typed[c] = true
		}
	}
	all := answer.Out + answer.Err
	said := func(words string) bool { return strings.Contains(all, words) }
	switch {
	case strings.Contains(all, "Traceback"):
		p.t.Errorf("%s: openstack %s ends in a traceback:\n%s", p.user, line, all)
	case words == "" && answer.Status != 0:
		p.t.Errorf("%s: openstack %s: exit status %d\n%s", p.user, line, answer.Status, all)
	case words != "" && (answer.Status == 0 || !slices.ContainsFunc(strings.Split(words, "|"), said)):
		p.t.Errorf("%s: openstack %s: exit status %d; it should fail with %q:\n%s", p.user, line, answer.Status, words, all)
	}
	return strings.TrimSpace(answer.Out)
}

// show types a command that shows one thing and returns its columns.
func (p *typist) show(args ...string) map[string]any {
	p.t.Helper()
	out := p.run("", append(args, "-f", "json")...)
	var columns map[string]any
	if err := json.Unmarshal([]byte(out), &columns); err != nil {
		p.t.Fatalf("%s: openstack %s prints %q: %v", p.user, strings.Join(args, " "), out, err)
	}
	return columns
}

// lists types a list and checks whether a thing is in it.
func (p *typist) lists(id string, there bool, args ...string) {
	p.t.Helper()
	out := p.run("", append(args, "-f", "value")...)
	if strings.Contains(out, id) != there {
		p.t.Errorf("%s: openstack %s: %s should be in it: %v:\n%s", p.user, strings.Join(args, " "), id, there, out)
	}
}

// things are demo's, and a runtime of the admin's.
type things struct{ runtime, function, execution, job, webhook, alias string }

const (
	forbidden = "not allowed"
	missing   = "not found|can not be found"
)

// TestEveryCommand types every command of python-qinlingclient as the owner of what it is about, as
// a stranger in another project, and as the admin, and looks at output and effect.
func TestEveryCommand(t *testing.T) {
	ctx := testContext(t)
	who := typists(t, "admin", "demo", "alt")
	admin, demo, alt := who[0], who[1], who[2]
	var own things
	own.runtime = admin.makesRuntime(ctx, demo, alt)
	demo.makes(&own)
	alt.triesAsStranger(own)
	admin.triesAsAdmin(own)
	demo.uses(own)
	demo.scalesNot(own)
	demo.deletes(own)
	alt.run(forbidden, "runtime", "delete", own.runtime)
	demo.run(forbidden, "runtime", "delete", own.runtime)
	admin.run("", "runtime", "delete", own.runtime)
	admin.run(missing, "runtime", "show", own.runtime)
	for _, p := range who {
		left := slices.DeleteFunc(slices.Clone(p.all), func(c string) bool { return p.typed[c] })
		if len(left) > 0 {
			t.Errorf("%s has not typed %s", p.user, strings.Join(left, ", "))
		}
	}
}

// makesRuntime has the admin make a runtime that the others see and may not change.
func (p *typist) makesRuntime(ctx context.Context, others ...*typist) string {
	made := p.show("runtime", "create", "--name", "every-command", "docker.io/faas-mini/python3:dev")
	id, _ := made["id"].(string)
	await(ctx, p.t, "the runtime is available", func() bool {
		return p.show("runtime", "show", id)["status"] == "available"
	})
	p.lists(id, true, "runtime", "list")
	if pool := p.show("runtime", "pool", "show", id); pool["name"] != id || pool["capacity"] == nil {
		p.t.Errorf("runtime pool show shows %v", pool)
	}
	for _, other := range others {
		other.lists(id, true, "runtime", "list")
		if shown := other.show("runtime", "show", id); shown["name"] != "every-command" {
			p.t.Errorf("%s: runtime show shows %v", other.user, shown)
		}
		other.run(forbidden, "runtime", "create", "--name", "mine", "docker.io/faas-mini/python3:dev")
		other.run(forbidden, "runtime", "pool", "show", id)
	}
	return id
}

// makes makes one of each thing of a project's.
func (p *typist) makes(own *things) {
	file := p.write(
		"every.py",
		"def main(name='World', **kwargs):\n    print('greeting', name)\n    return 'Hello, ' + name\n",
	)
	f := p.show(
		"function", "create", "--name", "every", "--runtime", own.runtime, "--file", file, "--entry", "every.main",
		"--timeout", "120",
	)
	own.function, own.alias = f["id"].(string), "every-live"
	if f["name"] != "every" || f["entry"] != "every.main" {
		p.t.Errorf("function create shows %v", f)
	}
	if v := p.show("function", "version", "create", own.function); v["version_number"] != 1.0 {
		p.t.Errorf("function version create shows %v", v)
	}
	a := p.show("function", "alias", "create", own.alias, "--function", own.function, "--function-version", "1")
	if a["function_version"] != 1.0 {
		p.t.Errorf("function alias create shows %v", a)
	}
	x := p.show("function", "execution", "create", "--function-alias", own.alias, "--input", `{"name": "Ada"}`)
	own.execution, _ = x["id"].(string)
	if result, _ := x["result"].(string); x["status"] != "success" || !strings.Contains(result, "Hello, Ada") {
		p.t.Errorf("function execution create shows %v", x)
	}
	j := p.show("job", "create", "--function", own.function, "--name", "yearly", "--pattern", "0 0 1 1 *")
	own.job, _ = j["id"].(string)
	if j["status"] != "running" || j["name"] != "yearly" {
		p.t.Errorf("job create shows %v", j)
	}
	w := p.show("webhook", "create", "--function", own.function, "--description", "of every command")
	own.webhook, _ = w["id"].(string)
	if url, _ := w["webhook_url"].(string); !strings.Contains(url, own.webhook) {
		p.t.Errorf("webhook create shows %v", w)
	}
}

// onOthers are the commands about somebody else's things that read, and those that change.
func onOthers(of things) (reads, changes [][]string) {
	reads = [][]string{
		{"function", "show", of.function},
		{"function", "download", of.function, "--output", "taken.zip"},
		{"function", "version", "show", of.function, "1"},
		{"function", "execution", "show", of.execution},
		{"function", "execution", "log", "show", of.execution},
		{"job", "show", of.job},
		{"webhook", "show", of.webhook},
	}
	changes = [][]string{
		{"function", "update", of.function, "--name", "taken"},
		{"function", "delete", of.function},
		{"function", "version", "create", of.function},
		{"function", "version", "delete", of.function, "1"},
		{"function", "alias", "create", "taken", "--function", of.function},
		{"function", "alias", "update", of.alias, "--function-version", "0"},
		{"function", "alias", "delete", of.alias},
		{"function", "execution", "create", "--function", of.function},
		{"function", "execution", "delete", "--execution", of.execution},
		{"job", "create", "--function", of.function, "--pattern", "* * * * *"},
		{"job", "update", of.job, "--status", "cancelled"},
		{"job", "delete", of.job},
		{"webhook", "create", "--function", of.function},
		{"webhook", "update", of.webhook, "--description", "taken"},
		{"webhook", "delete", of.webhook},
	}
	return reads, changes
}

// triesAsStranger finds nothing of another project's, and may have the same of its own.
func (p *typist) triesAsStranger(of things) {
	reads, changes := onOthers(of)
	for _, args := range append(reads, changes...) {
		p.run(missing, args...)
	}
	p.run(missing, "function", "version", "list", of.function)
	p.run(missing, "function", "alias", "show", of.alias)
	p.scalesNot(of)
	for _, what := range []string{"function", "function execution", "function alias", "job", "webhook"} {
		p.lists(of.function, false, append(strings.Fields(what), "list")...)
	}
	file := p.write("mine.py", "def main(**kwargs):\n    return 'mine'\n")
	f := p.show("function", "create", "--name", "every", "--runtime", of.runtime, "--file", file, "--entry", "mine.main")
	p.lists(f["id"].(string), true, "function", "list")
	p.run("", "function", "delete", "every")
	p.lists(f["id"].(string), false, "function", "list")
}

// scalesNot is what only an admin may do.
func (p *typist) scalesNot(of things) {
	p.run(forbidden, "function", "worker", "list", of.function)
	p.run(forbidden, "function", "scaleup", of.function)
	p.run(forbidden, "function", "scaledown", of.function)
	p.run(forbidden, "function", "detach", of.function)
	p.run(forbidden, "function", "version", "detach", of.function, "1")
}

// triesAsAdmin reads what another project has, changes none of it, and has its workers in hand.
func (p *typist) triesAsAdmin(of things) {
	reads, changes := onOthers(of)
	for _, args := range reads {
		p.run("", args...)
	}
	for _, args := range changes {
		p.run(forbidden+"|can not be found", args...) // aliases are found by a name within the project
	}
	p.lists("1", true, "function", "version", "list", of.function)
	p.run(missing, "function", "alias", "show", of.alias)
	p.run("", "function", "scaleup", of.function, "--count", "1")
	p.lists(of.function, true, "function", "worker", "list", of.function)
	p.run("", "function", "scaleup", of.function, "--count", "1")
	p.run("", "function", "scaledown", of.function, "--count", "1")
	p.run("", "function", "detach", of.function)
	p.run("", "function", "version", "detach", of.function, "1")
	p.lists(of.function, false, "function", "worker", "list", of.function)
	for _, what := range []string{"function", "function execution", "function alias", "job", "webhook"} {
		p.lists(of.function, false, append(strings.Fields(what), "list")...)
	}
	file := p.write("admins.py", "def main(**kwargs):\n    return 'mine'\n")
	f := p.show(
		"function",
		"create",
		"--name",
		"admins",
		"--runtime",
		of.runtime,
		"--file",
		file,
		"--entry",
		"admins.main",
	)
	p.run("", "function", "delete", f["id"].(string))
}

// uses reads and changes what is its own.
func (p *typist) uses(own things) {
	for _, what := range []string{"function", "function execution", "function alias", "job", "webhook"} {
		p.lists(own.function, true, append(strings.Fields(what), "list")...)
	}
	p.lists("1", true, "function", "version", "list", own.function)
	if shown := p.show("function", "show", "every"); shown["id"] != own.function || shown["name"] != "every" {
		p.t.Errorf("function show shows %v", shown)
	}
	if v := p.show("function", "version", "show", own.function, "1"); v["function_id"] != own.function {
		p.t.Errorf("function version show shows %v", v)
	}
	if x := p.show("function", "execution", "show", own.execution); x["status"] != "success" {
		p.t.Errorf("function execution show shows %v", x)
	}
	if log := p.run("", "function", "execution", "log", "show", own.execution); log != "greeting Ada" {
		p.t.Errorf("function execution log show prints %q", log)
	}
	p.run("", "function", "download", "every", "--output", "every.zip")
	if pack, err := os.ReadFile(filepath.Join(p.dir, "every.zip")); err != nil || !strings.HasPrefix(string(pack), "PK") {
		p.t.Errorf("function download wrote %d bytes, %v", len(pack), err)
	}
	if f := p.show("function", "update", "every", "--timeout", "90"); f["timeout"] != 90.0 {
		p.t.Errorf("function update shows %v", f)
	}
	a := p.show("function", "alias", "update", own.alias, "--function-version", "0")
	if shown := p.show("function", "alias", "show", own.alias); a["function_version"] != 0.0 ||
		shown["function_version"] != 0.0 {
		p.t.Errorf("function alias update shows %v, then show %v", a, shown)
	}
	j := p.show("job", "update", own.job, "--status", "paused")
	if shown := p.show("job", "show", own.job); j["status"] != "paused" || shown["status"] != "paused" {
		p.t.Errorf("job update shows %v, then show %v", j, shown)
	}
	w := p.show("webhook", "update", own.webhook, "--description", "changed")
	if shown := p.show("webhook", "show", own.webhook); w["description"] != "changed" ||
		shown["description"] != "changed" {
		p.t.Errorf("webhook update shows %v, then show %v", w, shown)
	}
}

// deletes deletes what is its own; what is in use is refused, what is gone is not found.
func (p *typist) deletes(own things) {
	p.run("in use", "function", "delete", own.function)
	p.run("", "job", "delete", own.job)
	p.run(missing, "job", "show", own.job)
	p.run("", "webhook", "delete", own.webhook)
	p.run(missing, "webhook", "show", own.webhook)
	p.run("", "function", "alias", "delete", own.alias)
	p.run(missing, "function", "alias", "show", own.alias)
	p.run("", "function", "version", "delete", own.function, "1")
	p.run(missing, "function", "version", "show", own.function, "1")
	p.run("", "function", "execution", "delete", "--execution", own.execution)
	p.run(missing, "function", "execution", "show", own.execution)
	p.run("", "function", "delete", own.function)
	p.lists(own.function, false, "function", "list")
}

func (p *typist) write(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	must(p.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

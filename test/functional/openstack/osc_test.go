package openstack

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/openstack-faas/faas/test/functional/osc"
)

// client is Debian's with contrib's plugin, which is installed once for all tests.
var client = sync.OnceValues(func() (*osc.Client, error) {
	var err error
	if plugins, err = os.MkdirTemp("", "faas-plugins"); err != nil {
		return nil, err
	}
	return &osc.Client{Path: plugins}, osc.Install(context.Background(), contrib, plugins, "client", "openstackclient")
})

// plugins is the folder that they are in, "" before it is made. It goes when all tests have run.
var plugins string

// cli types commands of the openstack client as a user.
type cli struct {
	t      *testing.T
	client *osc.Client
	env    map[string]string
	dir    string
}

func commandLine(ctx context.Context, t *testing.T, user string) cli {
	t.Helper()
	c, err := client()
	must(t, err)
	return cli{t: t, client: c, env: credentials(ctx, t, user), dir: t.TempDir()}
}

func (c cli) do(in *string, args ...string) osc.Answer {
	c.t.Helper()
	answer, err := c.client.Run(in, c.dir, c.env, args...)
	must(c.t, err)
	return answer
}

// must types a command that is to succeed and returns what it prints.
func (c cli) must(args ...string) string {
	c.t.Helper()
	answer := c.do(nil, args...)
	if answer.Status != 0 {
		c.t.Fatalf("openstack %s: exit status %d\n%s%s", strings.Join(args, " "), answer.Status, answer.Out, answer.Err)
	}
	return strings.TrimSpace(answer.Out)
}

// refused types a command that is to end with the exit status and to say the words.
func (c cli) refused(status int, words string, args ...string) {
	c.t.Helper()
	answer := c.do(nil, args...)
	if answer.Status != status || !strings.Contains(answer.Out+answer.Err, words) {
		c.t.Errorf("openstack %s: exit status %d, want %d and the words %q:\n%s%s", strings.Join(args, " "), answer.Status,
			status, words, answer.Out, answer.Err)
	}
}

// show types a command that shows one thing and returns its fields.
func (c cli) show(args ...string) map[string]any {
	c.t.Helper()
	return decoded[map[string]any](c, c.must(append(args, "-f", "json")...))
}

// list types a command that lists things.
func (c cli) list(args ...string) []map[string]any {
	c.t.Helper()
	return decoded[[]map[string]any](c, c.must(append(args, "-f", "json")...))
}

func decoded[T any](c cli, text string) (value T) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		c.t.Fatalf("%v: %q", err, text)
	}
	return value
}

// want compares fields of what a command shows.
func (c cli) want(shown, fields map[string]any) {
	c.t.Helper()
	for name, value := range fields {
		got, _ := json.Marshal(shown[name]) // of what was JSON
		wanted, err := json.Marshal(value)
		must(c.t, err)
		if string(got) != string(wanted) {
			c.t.Errorf("%s is %s, want %s", name, got, wanted)
		}
	}
}

func (c cli) write(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	must(c.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(c.t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

const greeter = `
import time

def main(name="World", nap=0, boom=False, event=None, **kwargs):
    print("greeting", name, flush=True)
    time.sleep(nap)
    if boom or event and event["data"].get("boom"):
        raise KeyError("missing")
    return {"greeting": "Hello, " + str(name)}
`

// greets deploys the greeter and deletes it at the end.
func (c cli) greets(name string) (id string) {
	c.t.Helper()
	c.write(name+"/main.py", greeter)
	made := c.show("function", "deploy", name, "--timeout", "120")
	c.want(made, map[string]any{"name": name, "done": "created", "entry": "main.main", "package_files": 1})
	c.t.Cleanup(func() { c.must("function", "delete", name) })
	return made["id"].(string)
}

// TestHelpAndCompletion looks at what the client makes of the plugin's commands. That each has a
// description, and each of its options, is tested in contrib.
func TestHelpAndCompletion(t *testing.T) {
	c := commandLine(testContext(t), t, "demo")
	project, err := os.ReadFile(filepath.Join(contrib, "openstackclient", "pyproject.toml"))
	must(t, err)
	entry := regexp.MustCompile(`(?m)^(\w+) = "faas_openstackclient\.\w+:\w+"`)
	commands := entry.FindAllStringSubmatch(string(project), -1)
	if len(commands) < 25 {
		t.Fatalf("%d commands are found", len(commands))
	}
	completions := c.must("complete")
	for _, command := range commands {
		if !strings.Contains(completions, "cmds_"+command[1]+"=") {
			t.Errorf("%s is not completed", command[1])
		}
	}
	for _, words := range []string{"function trigger create", "function deploy"} {
		help := c.must(append(strings.Fields(words), "--help")...)
		if !strings.HasPrefix(help, "usage: openstack "+words) ||
			!strings.Contains(help, "provided by the python-faas-openstackclient plugin") {
			t.Errorf("%s: %s", words, help)
		}
	}
}

func TestDeploy(t *testing.T) {
	c := commandLine(testContext(t), t, "demo")
	c.refused(1, "nowhere is no directory", "function", "deploy", "nowhere")
	c.write("osc-deploy/other.py", "")
	c.refused(1, "neither main.py nor main.js", "function", "deploy", "osc-deploy")
	c.write("osc-deploy/.env", "PASSWORD=x")
	c.write("osc-deploy/notes.txt", "x")
	c.write("osc-deploy/.faasignore", "*.txt\n")
	c.write("osc-deploy/main.py", greeter)
	if files := c.show("function", "deploy", "osc-deploy", "--dry-run")["files"]; files != "main.py\nother.py" {
		t.Errorf("the package would have %q", files)
	}
	c.refused(1, "nodejsx", "function", "deploy", "osc-deploy", "--runtime", "nodejsx")
	made := c.show("function", "deploy", "osc-deploy", "--timeout", "120", "--memory-size", "64M", "--role", "member",
		"--publish", "--function-alias", "osc-live")
	t.Cleanup(func() {
		c.must("function", "alias", "delete", "osc-live")
		c.must("function", "delete", "osc-deploy")
	})
	c.want(made, map[string]any{"done": "created", "memory_size": 64 << 20, "version": 1, "alias": "osc-live",
		"package_files": 2})
	c.want(c.show("function", "deploy", "osc-deploy", "--publish"), map[string]any{"done": "unchanged", "version": 1})
	c.refused(1, "keeps it", "function", "deploy", "osc-deploy", "--runtime", "nodejs")
	c.write("osc-deploy/main.py", "def main():\n    return 2\n")
	again := c.show("function", "deploy", "osc-deploy", "--timeout", "60", "--publish")
	c.want(again, map[string]any{"done": "updated", "timeout": 60, "version": 2, "id": made["id"]})

	for _, call := range []struct {
		args []string
		want string
	}{
		{[]string{"osc-deploy"}, "2"},
		{[]string{"osc-deploy", "--function-version", "1"}, `{"greeting": "Hello, World"}`},
		{[]string{"--function-alias", "osc-live"}, `{"greeting": "Hello, World"}`},
	} {
		if out := c.must(append([]string{"function", "invoke"}, call.args...)...); out != call.want {
			t.Errorf("invoke %v prints %s, want %s", call.args, out, call.want)
		}
	}
	c.want(c.show("function", "alias", "set", "osc-live", "--canary-version", "2", "--canary-percent", "30"),
		map[string]any{"canary_version": 2, "canary_percent": 30, "function_version": 1})
	c.want(c.show("function", "alias", "set", "osc-live", "--function-version", "2", "--canary-percent", "0"),
		map[string]any{"function_version": 2, "canary_percent": 0})
}

func TestInvoke(t *testing.T) {
	c := commandLine(testContext(t), t, "demo")
	id := c.greets("osc-invoke")
	file := c.write("input.json", `{"name": "File"}`)
	piped := `{"name": "Pipe"}`
	for _, call := range []struct {
		in   *string
		args []string
		want string
	}{
		{nil, nil, "World"},
		{nil, []string{"-a", "name=Ada"}, "Ada"},
		{nil, []string{"-a", "name=6"}, "6"},
		{nil, []string{"--data", `{"name": "Bob"}`}, "Bob"},
		{nil, []string{"--data", "Word"}, "Word"},
		{nil, []string{"--data", "@" + file}, "File"},
		{&piped, []string{"--data", "-"}, "Pipe"},
	} {
		answer := c.do(call.in, append([]string{"function", "invoke", "osc-invoke", "--logs"}, call.args...)...)
		if answer.Status != 0 || answer.Out != `{"greeting": "Hello, `+call.want+"\"}\n" ||
			answer.Err != "greeting "+call.want+"\n" {
			t.Errorf("invoke %v: %+v", call.args, answer)
		}
	}
	c.want(c.show("function", "invoke", id, "--logs", "-a", "name=Ada"), map[string]any{
		"status": "success", "output": map[string]any{"greeting": "Hello, Ada"}, "log": "greeting Ada\n", "function_id": id,
	})
	c.refused(3, "failed: KeyError: 'missing'", "function", "invoke", "osc-invoke", "-a", "boom=true")
	c.refused(3, `"status": "failed"`, "function", "invoke", "osc-invoke", "-a", "boom=true", "-f", "json")
	c.refused(1, "Is it osc-invoke?", "function", "invoke", "osc-invok")
	c.refused(1, "Say which function", "function", "invoke")
	c.refused(1, "can not be read", "function", "invoke", "osc-invoke", "--data", "@nothing")
	c.refused(2, "should be NAME=VALUE", "function", "invoke", "osc-invoke", "-a", "x")
}

func TestExecutions(t *testing.T) {
	c := commandLine(testContext(t), t, "demo")
	c.greets("osc-runs")
	c.must("function", "invoke", "osc-runs", "-a", "name=First")
	second := c.must("function", "invoke", "osc-runs", "--async", "-a", "nap=2", "-a", "name=Second")
	third := c.must("function", "invoke", "osc-runs", "--async", "-a", "boom=true", "-a", "name=Third")
	// It waits until the slow one has ended, which is after the one that began later.
	log := c.must("function", "logs", "osc-runs", "--follow", "--since", "1h", "--limit", "3")
	for _, part := range []string{second, third, "greeting First\n", "greeting Second", "greeting Third\nTraceback",
		"failed: KeyError: 'missing'"} {
		if !strings.Contains(log, part) {
			t.Errorf("no %q in the logs\n%s", part, log)
		}
	}
	if strings.Index(log, third) > strings.Index(log, second) {
		t.Errorf("the slow one is printed first:\n%s", log)
	}
	if log := c.must("function", "logs", "--execution", second); log != "greeting Second" {
		t.Errorf("the log of one: %q", log)
	}
	if logs := c.list("function", "logs", "osc-runs", "--status", "failed"); len(logs) != 1 || logs[0]["ID"] != third {
		t.Errorf("the logs of what failed: %v", logs)
	}
	history := c.list("function", "history", "osc-runs", "--long")
	if len(history) != 3 || history[0]["ID"] != third || history[0]["Status"] != "failed" ||
		history[0]["Output"] != "KeyError: 'missing'" {
		t.Errorf("the history is %v", history)
	}
	if rows := c.list("function", "history", "osc-runs", "--limit", "1"); len(rows) != 1 || rows[0]["ID"] != third {
		t.Errorf("the newest is %v", rows)
	}
	if rows := c.list("function", "history", "osc-runs", "--since", "2030-01-01T00:00:00"); len(rows) != 0 {
		t.Errorf("the future has %v", rows)
	}
	events := c.list("function", "execution", "events", third)
	if first, last := events[0], events[len(events)-1]; first["Event"] != "accepted" || last["Event"] != "ended" ||
		last["Detail"] != "failed" {
		t.Errorf("what happened to the third: %v", events)
	}
	slow := c.must("function", "invoke", "osc-runs", "--async", "-a", "nap=100")
	c.must("function", "execution", "cancel", slow)
	c.refused(1, "1 of 1 executions failed", "function", "execution", "cancel", slow)
	if rows := c.list("function", "history", "osc-runs", "--status", "cancelled"); len(rows) != 1 {
		t.Errorf("cancelled: %v", rows)
	}
	c.refused(0, "4 records were deleted", "function", "execution", "purge", "osc-runs")
}

// TestTriggerSources makes a trigger of each source, with the options that it has.
func TestTriggerSources(t *testing.T) {
	ctx := testContext(t)
	c := commandLine(ctx, t, "demo")
	c.greets("osc-sources")
	for source, of := range map[string]struct {
		options  []string
		settings map[string]any
	}{
		"clock": {
			[]string{"--pattern", "0 3 * * *", "--time-zone", "Europe/Berlin"}, map[string]any{"time_zone": "Europe/Berlin"},
		},
		"webhook": {
			[]string{"--signature", "github", "--type", "push"}, map[string]any{"signature": "github", "type": "push"},
		},
		"aodh": {
			[]string{"--event-type", "compute.instance.delete.end", "--query", "traits.state=deleted", "--severity", "low"},
			map[string]any{"severity": "low"},
		},
		"zaqar": {
			[]string{"--queue", "osc-orders", "--mode", "pull", "--batch", "5"}, map[string]any{"batch": 5, "mode": "pull"},
		},
		"swift": {
			[]string{"--container", "osc", "--object-suffix", ".png", "--events", "created", "--events", "deleted"},
			map[string]any{"suffix": ".png", "events": []string{"created", "deleted"}},
		},
		"notification": {
			[]string{"--event-type", "compute.*", "--publisher", "compute.*"}, map[string]any{"event_type": "compute.*"},
		},
	} {
		name := "osc-" + source
		create := []string{"function", "trigger", "create", source, "osc-sources", "--name", name}
		made := c.show(append(create, of.options...)...)
		t.Cleanup(func() { _ = c.do(nil, "function", "trigger", "delete", name) }) // where the test has failed before it did
		c.want(made["settings"].(map[string]any), of.settings)
	}
	rows := c.list("function", "trigger", "list", "--function", "osc-sources")
	if len(rows) != 6 || rows[0]["Calls"] != "osc-sources" {
		t.Errorf("the list has %v", rows)
	}
	c.refused(1, "--queue: not of the source clock", "function", "trigger", "create", "clock", "osc-sources",
		"--queue", "x")
	c.refused(2, "invalid choice: 'clok'", "function", "trigger", "create", "clok", "osc-sources")
	c.refused(1, "pattern", "function", "trigger", "create", "clock", "osc-sources", "--pattern", "every day")
	c.refused(1, "There are", "function", "trigger", "show", "nothing-like-it")
	c.must("function", "trigger", "delete", "osc-clock", "osc-webhook", "osc-aodh", "osc-zaqar", "osc-swift",
		"osc-notification")
	await(ctx, t, "the triggers are gone", func() bool {
		return len(c.list("function", "trigger", "list", "--function", "osc-sources")) == 0
	})
}

// TestTriggerLife has a trigger change, pause, fail and try again.
func TestTriggerLife(t *testing.T) {
	ctx := testContext(t)
	c := commandLine(ctx, t, "demo")
	c.greets("osc-life")
	made := c.show("function", "trigger", "create", "webhook", "osc-life", "--name", "osc-life", "--retries", "0",
		"--paused", "-a", "name=${data.who}", "--filter", `{"not": {"exact": {"type": "none"}}}`)
	c.want(made, map[string]any{"status": "paused", "retries": 0, "input": map[string]any{"name": "${data.who}"}})
	changed := c.show("function", "trigger", "set", "osc-life", "--type", "greeting", "--no-filter",
		"--description", "greets")
	c.want(changed, map[string]any{"filter": nil, "description": "greets", "retries": 0})
	c.want(changed["settings"].(map[string]any), map[string]any{"type": "greeting", "signature": "none"})
	c.must("function", "trigger", "resume", "osc-life")
	url, _ := c.show("function", "trigger", "rotate", "osc-life")["url"].(string)
	if url == "" || url == made["url"] {
		t.Fatalf("the URL is %q, and was %q", url, made["url"])
	}
	post(ctx, t, url, `{"who": "Ada", "boom": true}`)
	var letters []map[string]any
	await(ctx, t, "there is a dead letter", func() bool {
		letters = c.list("function", "dead", "letter", "list", "osc-life", "--long")
		return len(letters) == 1
	})
	c.want(letters[0], map[string]any{"Reason": "KeyError: 'missing'", "Event Type": "greeting", "Attempts": 1})
	again := c.list("function", "trigger", "replay", "osc-life", "--all")
	if len(again) != 1 || again[0]["Dead Letter"] != letters[0]["ID"] {
		t.Errorf("replay executes %v", again)
	}
	await(ctx, t, "the letter is dead again", func() bool {
		letters = c.list("function", "dead", "letter", "list", "osc-life")
		return len(letters) == 1
	})
	c.must("function", "dead", "letter", "delete", "osc-life", letters[0]["ID"].(string))
	if rows := c.list("function", "history", "--trigger", "osc-life"); len(rows) != 2 {
		t.Errorf("the trigger's executions are %v", rows)
	}
	c.must("function", "trigger", "pause", "osc-life")
	c.want(c.show("function", "trigger", "show", "osc-life"), map[string]any{"status": "paused", "name": "osc-life"})
	c.must("function", "trigger", "delete", "osc-life")
}

func post(ctx context.Context, t *testing.T, url, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Fatalf("the event is answered with %s", answer.Status)
	}
}

func TestQuotas(t *testing.T) {
	ctx := testContext(t)
	admin, demo := commandLine(ctx, t, "admin"), commandLine(ctx, t, "alt")
	t.Cleanup(func() { admin.must("function", "quota", "unset", "alt") })
	set := admin.show("function", "quota", "set", "alt", "--functions", "7", "--package-bytes", "2G",
		"--jobs", "unlimited")
	admin.want(set, map[string]any{"functions": 7, "package_bytes": 2 << 30, "jobs": -1})
	admin.want(admin.show("function", "quota", "show", "alt"), map[string]any{"functions": 7})
	demo.want(demo.show("function", "quota", "show"), map[string]any{"functions": 7})
	demo.refused(1, "not allowed", "function", "quota", "set", "alt", "--functions", "9")
	admin.refused(1, "Say what to set", "function", "quota", "set", "alt")
	admin.refused(2, "should be a number", "function", "quota", "set", "alt", "--functions", "many")
	back := admin.show("function", "quota", "set", "alt", "--functions", "default")
	if back["functions"] == 7.0 {
		t.Errorf("the quota stays %v", back)
	}
	for _, rows := range [][]map[string]any{
		admin.list("function", "limits", "--project", "alt"), demo.list("function", "limits"),
	} {
		found := false
		for _, row := range rows {
			found = found || row["Resource"] == "jobs" && row["Limit"] == -1.0
		}
		if !found {
			t.Errorf("the limits are %v", rows)
		}
	}
}

// TestNewerSettings types what later microversions have added to what python-qinlingclient makes.
func TestNewerSettings(t *testing.T) {
	ctx := testContext(t)
	c := commandLine(ctx, t, "demo")
	id := c.greets("osc-settings")
	shown := c.show("function", "set", "osc-settings", "--role", "member", "--on-failure", "queue:osc-failed",
		"--cpu", "500", "--on-success", "https://example.org/done", "--memory-size", "40M")
	c.want(shown, map[string]any{"roles": []string{"member"}, "cpu": 500,
		"on_failure": map[string]any{"queue": "osc-failed"}, "memory_size": 40 << 20, "id": id})
	c.want(c.show("function", "set", "osc-settings", "--on-failure", "none", "--no-role"),
		map[string]any{"on_failure": nil, "roles": []string{}})
	c.refused(1, "Say what to change", "function", "set", "osc-settings")
	c.refused(1, "container images alone", "function", "set", "osc-settings", "--registry-username", "me")

	hook, _ := c.show("webhook", "create", "--function", id)["id"].(string)
	signed := c.show("webhook", "set", hook, "--signature", "standard", "--rate-limit", "60", "--sync", "true")
	c.want(signed, map[string]any{"signature": "standard", "rate_limit": 60, "sync": true})
	rotated := c.show("webhook", "rotate", hook, "--overlap", "60")
	if rotated["webhook_url"] == signed["webhook_url"] || rotated["signing_secret"] == signed["signing_secret"] {
		t.Errorf("the webhook was %v and is %v", signed, rotated)
	}
	c.must("webhook", "delete", hook)

	c.must("job", "create", "--function", id, "--name", "osc-job", "--pattern", "0 3 * * *")
	changed := c.show("job", "set", "osc-job", "--time-zone", "Europe/Berlin", "--status", "paused", "-a", "name=Job")
	c.want(changed, map[string]any{"time_zone": "Europe/Berlin", "status": "paused", "function_input": `{"name":"Job"}`})
	c.must("job", "delete", changed["id"].(string))

	if rows := c.list("runtime", "module", "list", "python3"); len(rows) == 0 {
		t.Error("the runtime has no modules")
	}
	c.refused(1, "not allowed", "runtime", "set", "python3", "--description", "mine")
	admin := commandLine(ctx, t, "admin")
	admin.want(admin.show("runtime", "set", "python3", "--description", "Python"), map[string]any{"description": "Python"})
}

package functional

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/test/functional/osc"
)

// basics types commands of contrib's plugin of the openstack client where python-qinlingclient is
// not installed.
type basics struct {
	t        *testing.T
	client   *osc.Client
	endpoint string
	dir      string
}

func (b basics) run(args ...string) osc.Answer {
	b.t.Helper()
	args = append([]string{"--os-auth-type", "none", "--os-endpoint", b.endpoint}, args...)
	answer, err := b.client.Run(nil, b.dir, nil, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer
}

func (b basics) must(command string, args ...string) string {
	b.t.Helper()
	answer := b.run(append(strings.Fields(command), args...)...)
	if answer.Status != 0 {
		b.t.Fatalf("openstack %s %q: exit status %d\n%s%s", command, args, answer.Status, answer.Out, answer.Err)
	}
	return strings.TrimSpace(answer.Out)
}

func (b basics) show(command string, args ...string) (columns map[string]any) {
	b.t.Helper()
	out := b.must(command, append(args, "-f", "json")...)
	if err := json.Unmarshal([]byte(out), &columns); err != nil {
		b.t.Fatalf("openstack %s printed %q: %v", command, out, err)
	}
	return columns
}

// rows tests that a list has so many.
func (b basics) rows(want int, command string, args ...string) {
	b.t.Helper()
	var rows []map[string]any
	out := b.must(command, append(args, "-f", "json")...)
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != want {
		b.t.Errorf("openstack %s has %d rows, want %d: %v\n%s", command, len(rows), want, err, out)
	}
}

func (b basics) refused(words, command string, args ...string) {
	b.t.Helper()
	answer := b.run(append(strings.Fields(command), args...)...)
	if answer.Status == 0 || !strings.Contains(answer.Out+answer.Err, words) {
		b.t.Errorf("openstack %s: exit status %d, want words %q:\n%s%s", command, answer.Status, words, answer.Out,
			answer.Err)
	}
}

// TestPluginAlone types the commands that contrib's plugin has in the place of
// python-qinlingclient's, and stats.
func TestPluginAlone(t *testing.T) {
	ctx := testContext(t)
	plugins, debian := installPython(ctx, t, "client", "openstackclient"), t.TempDir()
	if err := osc.Without("qinling", debian); err != nil {
		t.Fatal(err)
	}
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 1\n", &log)
	defer stop(t, s)
	if _, err := s.Client.AwaitRuntime(ctx, "python3"); err != nil {
		t.Fatal(err)
	}
	b := basics{
		t: t, client: &osc.Client{Path: plugins + ":" + debian, Bare: true}, endpoint: s.Client.Endpoint, dir: t.TempDir(),
	}
	file := filepath.Join(b.dir, "main.py")
	if err := os.WriteFile(file, []byte("def main(name='World'):\n    return name\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.functions(file)
	b.others()
	b.must("function execution purge", "hello")
	await(ctx, t, "the calls are counted", func() bool {
		var rows []map[string]any
		out := b.must("function stats", "hello", "--step", "5m", "--total", "-f", "json")
		return json.Unmarshal([]byte(out), &rows) == nil && rows[0]["Calls"] == 1.0 && rows[0]["Succeeded"] == 1.0
	})
	b.must("function delete", "hello")
	b.refused("The project has no function", "function show", "hello")
}

func (b basics) functions(file string) {
	b.t.Helper()
	b.refused("Say where the code is", "function create", "--name", "hello")
	b.refused("Say which runtime", "function create", "--file", file)
	b.refused("nowhere can not be read", "function create", "--runtime", "python3", "--package", "nowhere")
	made := b.show("function create", "--name", "hello", "--runtime", "python3", "--file", file, "--timeout", "120")
	if made["name"] != "hello" || made["timeout"] != 120.0 {
		b.t.Errorf("function create shows %v", made)
	}
	b.rows(1, "function list", "--filter", "name=has:ell")
	b.rows(0, "function list", "--filter", "name=neq:hello")
	if shown := b.show("function update", "hello", "--description", "new"); shown["description"] != "new" {
		b.t.Errorf("function update shows %v", shown)
	}
	if out := b.must("function invoke", "hello", "-a", "name=Ada"); out != "Ada" {
		b.t.Errorf("function invoke prints %q", out)
	}
	b.must("function download", "hello", "-o", filepath.Join(b.dir, "hello.zip"))
	again := b.show("function create", "--runtime", "python3", "--package", filepath.Join(b.dir, "hello.zip"))
	b.must("function delete", again["id"].(string))
	if was, is := made["code"].(map[string]any)["md5sum"], again["code"].(map[string]any)["md5sum"]; was != is {
		b.t.Errorf("the same zip is %v, and was %v", is, was)
	}
	b.rows(1, "function worker list", "hello")
	b.must("function scaleup", "hello", "--count", "1")
	b.must("function scaledown", "hello")
	b.must("function detach", "hello")
	if version := b.show("function version create", "hello"); version["version_number"] != 1.0 {
		b.t.Errorf("function version create shows %v", version)
	}
	b.show("function version show", "hello", "1")
	b.rows(1, "function version list", "hello")
	b.show("function alias create", "live", "--function", "hello", "--function-version", "1")
	b.show("function alias show", "live")
	b.rows(1, "function alias list")
	b.refused("1 of 1 aliases failed", "function alias delete", "none")
	b.must("function alias delete", "live")
	b.must("function version delete", "hello", "1")
}

func (b basics) others() {
	b.t.Helper()
	b.rows(1, "function execution list")
	id := b.must("function execution list", "-f", "value", "-c", "ID")
	b.show("function execution show", id)
	b.rows(2, "runtime list")
	if shown := b.show("runtime show", "python3"); shown["name"] != "python3" || shown["modules"] != nil {
		b.t.Errorf("runtime show shows %v", shown)
	}
	b.show("runtime pool show", "python3")
	made := b.show("runtime create", "python3", "--name", "mine", "--private")
	if made["is_public"] != false {
		b.t.Errorf("runtime create shows %v", made)
	}
	b.must("runtime delete", "mine")
	hook := b.show("webhook create", "--function", "hello", "--description", "x")
	b.show("webhook show", hook["id"].(string))
	b.rows(1, "webhook list")
	b.must("webhook delete", hook["id"].(string))
	b.show("job create", "--function", "hello", "--name", "nightly", "--pattern", "0 3 * * *", "-a", "name=Job")
	b.show("job show", "nightly")
	b.rows(1, "job list")
	b.must("job delete", "nightly")
	b.must("function execution delete", id)
	b.rows(0, "function execution list")
}

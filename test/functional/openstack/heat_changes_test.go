package openstack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/test/functional/osc"
)

// TestHeatUpdates changes a stack: the code in place, under the same id and URL; the runtime by
// another function, which the same URL then calls.
func TestHeatUpdates(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	o := orchestrate(ctx, t)
	template := filepath.Join(o.dir, "hello.yaml")
	text, err := os.ReadFile(templates + "/hello.yaml")
	must(t, err)
	must(t, os.WriteFile(template, text, 0o600))
	code := func(text string) { must(t, os.WriteFile(filepath.Join(o.dir, "hello.py"), []byte(text), 0o600)) }
	update := func(more ...string) stack {
		args := append([]string{"stack", "update", "-f", "value", "-c", "id", "-t", template, "hello"}, more...)
		o.command(t, args...)
		return o.done(ctx, t, "hello")
	}

	code("def main(name): return 'Hello, ' + name")
	o.make(ctx, t, "hello", template)
	first := o.done(ctx, t, "hello")
	function, url := first.output(t, "function"), first.output(t, "url")

	code("def main(name): return 'Goodbye, ' + name")
	second := update()
	if id := second.output(t, "function"); id != function {
		t.Errorf("the function of the changed code is %s, and was %s", id, function)
	}
	if version := second.output(t, "version"); version != "2" {
		t.Errorf("the alias stands for version %s", version)
	}
	if got := call(ctx, t, url); second.output(t, "url") != url || got != `"Goodbye, Ada"` {
		t.Errorf("the URL is %s and returns %s", second.output(t, "url"), got)
	}

	code("exports.main = ({name}) => 'Hej, ' + name;")
	third := update("--parameter", "runtime=nodejs")
	if id := third.output(t, "function"); id == function {
		t.Error("a function of another runtime is the same function")
	}
	if got := call(ctx, t, url); third.output(t, "url") != url || got != `"Hej, Ada"` {
		t.Errorf("the URL is %s and returns %s", third.output(t, "url"), got)
	}
	var left struct{ Functions []any }
	o.get(ctx, t, o.service("function-engine")+"/v1/functions", &left)
	if len(left.Functions) != 1 {
		t.Errorf("after the replacement there are %d functions", len(left.Functions))
	}
}

// TestHeatRefusesMistakes has Heat make a template of which one resource is wrong: nothing is made.
func TestHeatRefusesMistakes(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	o := orchestrate(ctx, t)
	template := filepath.Join(o.dir, "mistake.yaml")
	must(t, os.WriteFile(template, []byte(`
heat_template_version: 2021-04-16
resources:
  good: {type: 'OS::FunctionEngine::Function', properties: {runtime: python3, code: {text: 'def main(): pass'}}}
  bad: {type: 'OS::FunctionEngine::Job', properties: {function: {get_resource: good}, pattern: 61 * * * *}}
`), 0o600))
	answer, err := osc.Run(o.dir, o.env, "stack", "create", "-t", template, "mistake")
	must(t, err)
	if answer.Status == 0 || !strings.Contains(answer.Err, "61 * * * *") {
		t.Errorf("exit status %d: %s%s", answer.Status, answer.Out, answer.Err)
	}
	o.none(ctx, t, "functions")
	path := o.service("orchestration") + "/stacks/mistake"
	if code := o.answer(ctx, t, "GET", path, nil, nil); code != http.StatusNotFound {
		t.Errorf("there is a stack: %d", code)
	}
}

// TestHeatShowsNoSecrets reads all that Heat shows of a webhook beside its attributes, and these as
// somebody who may see the stack and run nothing.
func TestHeatShowsNoSecrets(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	o := orchestrate(ctx, t)
	template := filepath.Join(o.dir, "secret.yaml")
	must(t, os.WriteFile(template, []byte(`
heat_template_version: 2021-04-16
parameters: {secret: {type: string, hidden: true}}
resources:
  f: {type: 'OS::FunctionEngine::Function', properties: {runtime: python3, code: {text: 'def main(): pass'}}}
  brought:
    type: OS::FunctionEngine::Webhook
    properties: {function: {get_resource: f}, signature: github, signing_secret: {get_param: secret}}
  made: {type: 'OS::FunctionEngine::Webhook', properties: {function: {get_resource: f}, signature: standard}}
outputs:
  secret: {value: {get_attr: [made, signing_secret]}}
  url: {value: {get_attr: [made, webhook_url]}}
`), 0o600))
	const brought = "brought-by-the-sender"
	o.make(ctx, t, "secret", template, "--parameter", "secret="+brought)
	done := o.done(ctx, t, "secret")
	made, url := done.output(t, "secret"), done.output(t, "url")
	if !strings.HasPrefix(made, "whsec_") || !strings.Contains(url, "secret=") {
		t.Fatalf("the outputs are %q and %q", made, url)
	}
	reader := newUser(ctx, t, o.env["OS_USERNAME"]+"-reader", o.env["OS_PROJECT_NAME"], "reader")
	for _, output := range (orchestration{reader, o.dir}).done(ctx, t, "secret").Outputs {
		if output.Value != nil {
			t.Errorf("a reader is shown %s: %v", output.Key, output.Value)
		}
	}
	at := o.service("orchestration") + "/stacks/" + done.path("secret")
	for _, name := range []string{"brought", "made"} {
		shown := []string{at, at + "/resources/" + name, at + "/resources/" + name + "/metadata"}
		var events struct{ Events []struct{ ID string } }
		o.get(ctx, t, at+"/resources/"+name+"/events", &events)
		if len(events.Events) == 0 {
			t.Fatal("there are no events")
		}
		for _, e := range events.Events {
			shown = append(shown, at+"/resources/"+name+"/events/"+e.ID)
		}
		for _, path := range shown[1:] {
			var all json.RawMessage
			o.get(ctx, t, path, &all)
			for _, secret := range []string{brought, made, "secret=1."} {
				if bytes.Contains(all, []byte(secret)) {
					t.Errorf("%s shows %q: %s", path, secret, all)
				}
			}
		}
	}
}

// TestHeatRuntime has an administrator make a runtime: it is complete when functions can run in it.
func TestHeatRuntime(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	admin := orchestration{existing(ctx, t, "admin"), t.TempDir()}
	var there struct {
		Runtimes []struct{ Name, Image string }
	}
	admin.get(ctx, t, admin.service("function-engine")+"/v1/runtimes", &there)
	var image string
	for _, r := range there.Runtimes {
		if r.Name == "python3" {
			image = r.Image
		}
	}
	template := filepath.Join(admin.dir, "runtime.yaml")
	must(t, os.WriteFile(template, fmt.Appendf(nil, `
heat_template_version: 2021-04-16
resources:
  runtime: {type: 'OS::FunctionEngine::Runtime', properties: {image: %q, is_public: false}}
  f:
    type: OS::FunctionEngine::Function
    properties: {runtime: {get_resource: runtime}, code: {text: 'def main(): pass'}, roles: []}
outputs:
  runtime: {value: {get_resource: runtime}}
  status: {value: {get_attr: [runtime, status]}}
`, image), 0o600))
	name := fmt.Sprintf("runtime-%d", time.Now().UnixNano())
	admin.make(ctx, t, name, template)
	made := admin.done(ctx, t, name)
	if status := made.output(t, "status"); status != "available" {
		t.Errorf("the runtime of a complete stack is %s", status)
	}
	admin.command(t, "stack", "delete", "--yes", "--wait", name)
	path := admin.service("function-engine") + "/v1/runtimes/" + made.output(t, "runtime")
	if code := admin.answer(ctx, t, "GET", path, nil, nil); code != http.StatusNotFound {
		t.Errorf("the runtime of a stack that is gone is still there: %d", code)
	}
}

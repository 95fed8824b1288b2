package openstack

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// workflows types commands of Mistral's as a user.
type workflows struct{ cli }

// made makes the workflow of a file and deletes it at the end.
func (w workflows) made(name, file string) {
	w.t.Helper()
	w.must("workflow", "create", file)
	w.t.Cleanup(func() { w.must("workflow", "delete", name) })
}

// runs starts a workflow and returns the execution's id.
func (w workflows) runs(name, input string) string {
	w.t.Helper()
	return w.show("workflow", "execution", "create", name, input)["ID"].(string)
}

// ends waits for the end of an execution and returns its output.
func (w workflows) ends(ctx context.Context, id, state string) string {
	w.t.Helper()
	w.t.Cleanup(func() { w.must("workflow", "execution", "delete", id, "--force") })
	await(ctx, w.t, "the workflow ends", func() bool {
		shown := w.show("workflow", "execution", "show", id)
		switch shown["State"] {
		case "RUNNING", "IDLE", "PAUSED":
			return false
		case state:
		default:
			w.t.Fatalf("the workflow is %v, want %s: %v\n%s", shown["State"], state, shown["State info"],
				w.must("action", "execution", "list"))
		}
		return true
	})
	return w.must("workflow", "execution", "output", "show", id)
}

// function deploys one and deletes it at the end.
func (w workflows) function(name, code string) {
	w.t.Helper()
	w.write(name+"/main.py", code)
	w.must("function", "deploy", name)
	w.t.Cleanup(func() { w.must("function", "delete", name) })
}

// wants compares the member report of an output.
func (w workflows) wants(output, report string) {
	w.t.Helper()
	if got := decoded[map[string]any](w.cli, output)["report"]; got != report {
		w.t.Errorf("the report is %v, want %s", got, report)
	}
}

// TestMistralWorkflow has the workflow of the manual take both branches and the way of an error.
func TestMistralWorkflow(t *testing.T) {
	ctx := testContext(t)
	w := workflows{commandLine(ctx, t, "demo")}
	w.function("measure", "def main(name, size):\n    if size < 0:\n        raise ValueError(\"no size\")\n"+
		"    return {\"large\": size > 100}\n")
	w.function("resize", "def main(name):\n    return \"small-\" + name\n")
	w.function("report", "def main(text):\n    return \"done: \" + text\n")
	file, err := filepath.Abs(filepath.Join(contrib, "mistral", "workflows", "pictures.yaml"))
	must(t, err)
	w.made("pictures", file)
	small, large, broken := w.runs("pictures", `{"name": "a.png", "size": 1}`),
		w.runs("pictures", `{"name": "b.png", "size": 1000}`), w.runs("pictures", `{"name": "c.png", "size": -1}`)
	w.wants(w.ends(ctx, small, "SUCCESS"), "done: a.png")
	w.wants(w.ends(ctx, large, "SUCCESS"), "done: small-b.png")
	w.wants(w.ends(ctx, broken, "ERROR"), "done: ValueError in c.png")
}

// TestMistralHundred has one task run a function a hundred times at once.
func TestMistralHundred(t *testing.T) {
	ctx := testContext(t)
	w := workflows{commandLine(ctx, t, "demo")}
	w.greets("mistral-hundred")
	w.made("hundred", w.write("hundred.yaml", `
version: '2.0'
hundred:
  output:
    report: <% $.count %> different
  tasks:
    greet:
      with-items: i in <% range(100) %>
      action: function.run
      input:
        function_id: mistral-hundred
        input: {name: <% $.i %>}
      publish:
        count: <% task().result.output.greeting.distinct().len() %>
`))
	w.wants(w.ends(ctx, w.runs("hundred", "{}"), "SUCCESS"), "100 different")
}

// TestMistralGivesUp has a task time out while its function runs: nobody wants that any more, so
// that the execution is cancelled.
func TestMistralGivesUp(t *testing.T) {
	ctx := testContext(t)
	w := workflows{commandLine(ctx, t, "demo")}
	w.greets("mistral-slow")
	w.made("impatient", w.write("impatient.yaml", `
version: '2.0'
impatient:
  tasks:
    nap:
      action: function.run
      timeout: 1
      input:
        function_id: mistral-slow
        input: {nap: 100}
`))
	w.ends(ctx, w.runs("impatient", "{}"), "ERROR")
	await(ctx, t, "the execution is cancelled", func() bool {
		all := w.list("function", "history", "mistral-slow")
		return len(all) == 1 && fmt.Sprint(all[0]["Status"]) == "cancelled"
	})
}

// TestMistralVerbs calls verbs of the client by themselves, and one that is refused.
func TestMistralVerbs(t *testing.T) {
	ctx := testContext(t)
	w := workflows{commandLine(ctx, t, "demo")}
	id := w.greets("mistral-verbs")
	action := func(name, input string) map[string]any {
		return decoded[map[string]any](w.cli, w.must("action", "execution", "run", name, input))
	}
	made := action("function.create_execution", `{"function_id": "mistral-verbs", "input": {"name": "Ada"}}`)
	record := made["result"].(map[string]any)
	w.want(record, map[string]any{"function_id": id, "status": "success"})
	log := action("function.get_execution_log", fmt.Sprintf(`{"id": %q}`, record["id"]))["result"]
	if log != "greeting Ada\n" {
		t.Errorf("the log is %q", log)
	}
	refused := func(name, input, words string) {
		t.Helper()
		problem, _ := action(name, input)["result"].(map[string]any)
		if message, _ := problem["message"].(string); !strings.Contains(message, words) {
			t.Errorf("%s says %v, want %s", name, problem, words)
		}
	}
	refused("function.get_function", `{"id": "mistral-none"}`, "mistral-none")
	// A path would be one of the executor's machine.
	refused("function.create_function", `{"name": "x", "runtime_id": "python3", "package": "/etc/passwd"}`, "base64")
}

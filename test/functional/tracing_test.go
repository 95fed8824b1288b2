package functional

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/testkit/traces"
)

// Traces that clients bring, the last of which is not to be kept.
const (
	coldTrace    = "0af7651916cd43dd8448eb211c80319c"
	warmTrace    = "0af7651916cd43dd8448eb211c80319d"
	asyncTrace   = "0af7651916cd43dd8448eb211c80319e"
	eventTrace   = "0af7651916cd43dd8448eb211c80319f"
	refusedTrace = "0af7651916cd43dd8448eb211c8031a0"
	clientSpan   = "b7ad6b7169203331"
)

// TestTraces has a function called in each way, by clients that bring a trace, and looks at what
// the collector is told.
func TestTraces(t *testing.T) {
	ctx := testContext(t)
	sink := &traces.Sink{}
	collector := httptest.NewServer(sink)
	defer collector.Close()
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 1\n[tracing]\notlp_endpoint = "+collector.URL+
		"\nsampling_ratio = 0\n", &log)
	defer func() { stop(t, s) }()
	f := python(ctx, t, s.Client, "def main(context, event=None):\n    return context['traceparent']\n")
	executions := s.Client.Endpoint + "/v1/executions"
	call := func(trace, flags string, sync bool) (got struct{ ID, Result string }) {
		body, _ := json.Marshal(map[string]any{"function_id": f.ID, "sync": sync})
		text := latest(ctx, t, "POST", executions, string(body), 201,
			"traceparent", "00-"+trace+"-"+clientSpan+"-"+flags)
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	cold, warm, refused := call(coldTrace, "01", true), call(warmTrace, "01", true), call(refusedTrace, "00", true)
	queued := call(asyncTrace, "01", false)
	for trace, result := range map[string]string{
		coldTrace: cold.Result, warmTrace: warm.Result, refusedTrace: refused.Result,
	} {
		if !strings.Contains(result, `"00-`+trace+"-") {
			t.Errorf("the function of %s has the trace %s", trace, result)
		}
	}
	var trigger triggered
	settings := `{"name": "traced", "source": "webhook", "function_id": "` + f.ID + `"}`
	trigger = readTrigger(t, latest(ctx, t, "POST", s.Client.Endpoint+"/v1/triggers", settings, 201))
	latest(ctx, t, "POST", trigger.URL, `{"a": 1}`, 202, "traceparent", "00-"+eventTrace+"-"+clientSpan+"-01")
	outputs(ctx, t, s.Client, trigger.ID, 1)

	run := "call the function\n    ask the worker\n      agent: find a process and load the code\n" +
		"      slot: run the function\n"
	await(ctx, t, "the spans", func() bool {
		return len(sink.Linked(eventTrace)) > 5 && len(sink.Linked(asyncTrace)) > 5 && len(sink.Of(warmTrace)) > 5
	})
	want := map[string]string{
		warmTrace: "POST /v1/executions\n  " + run + "  record the end\n",
		coldTrace: `POST /v1/executions
  call the function
    wait for a worker
      look for a worker
        request worker.acquire
          find a worker
            make a worker the function's
              load the package
              specialise the worker
    ask the worker
      agent: find a process and load the code
      slot: run the function
  record the end
`,
		asyncTrace: "POST /v1/executions\n  queue an execution\n",
		eventTrace: "POST /v1/triggers/{id}/events\n  take an event\n    queue an execution\n",
	}
	for trace, tree := range want {
		if got := traces.Tree(sink.Of(trace)); got != tree {
			t.Errorf("%s:\n%swant\n%s", trace, got, tree)
		}
	}
	for _, trace := range []string{asyncTrace, eventTrace} {
		got := traces.Tree(sink.Linked(trace))
		for _, part := range []string{
			"run an execution\n", "  wait for a turn\n", "  call the function\n", "    ask the worker\n",
			"      slot: run the function\n", "  record the end\n",
		} {
			if !strings.Contains(got, part) {
				t.Errorf("linked to %s: no %q in\n%s", trace, part, got)
			}
		}
	}
	root := sink.Of(warmTrace)[0]
	if root.Parent != clientSpan || root.Service != "faas-standalone" || root.Attributes["faas.execution_id"] != warm.ID ||
		!strings.HasPrefix(root.Attributes["openstack.request_id"], "req-") {
		t.Errorf("the request's span is %+v", root)
	}
	if spans := sink.Linked(asyncTrace); spans[0].Attributes["faas.execution_id"] != queued.ID {
		t.Errorf("the asynchronous execution's span is %+v", spans[0])
	}
	if spans := sink.Of(refusedTrace); len(spans) != 0 {
		t.Errorf("of a trace that is not to be kept there is\n%s", traces.Tree(spans))
	}
	if to := os.Getenv("TRACE_PICTURE"); to != "" { // docs/admin/tracing.svg is drawn so
		if err := os.WriteFile(to, traces.SVG(sink.Of(coldTrace)), 0o600); err != nil {
			t.Error(err)
		}
	}
}

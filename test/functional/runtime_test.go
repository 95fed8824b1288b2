package functional

import (
	"encoding/json"
	"testing"
)

// TestWhatRuntimesHave shows each runtime's interpreter and modules, as a function finds them.
func TestWhatRuntimesHave(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "", &log)
	defer stop(t, s)
	f := python(ctx, t, s.Client, `
import importlib.metadata, platform
def main(names):
    modules = [{"name": n, "version": importlib.metadata.version(n)} for n in names]
    return ["Python " + platform.python_version(), modules]
`)
	type runtime struct {
		Name, Interpreter string
		Modules           []struct{ Name, Version string }
	}
	s.Client.Header = map[string]string{"OpenStack-API-Version": "function-engine 1.9"}
	shown := map[string]runtime{}
	await(ctx, t, "a worker of each runtime has said what it has", func() bool {
		var list struct{ Runtimes []runtime }
		if err := s.Client.Do(ctx, "GET", "/v1/runtimes", nil, &list); err != nil {
			t.Fatal(err)
		}
		for _, r := range list.Runtimes {
			if r.Interpreter != "" {
				shown[r.Name] = r
			}
		}
		return len(shown) == 2
	})
	if node := shown["nodejs"]; node.Modules == nil || len(node.Modules) > 0 {
		t.Errorf("nodejs has %+v", node)
	}
	names := []string{}
	for _, m := range shown["python3"].Modules {
		names = append(names, m.Name)
	}
	x, err := s.Client.Execute(ctx, f.ID, true, map[string]any{"names": names})
	if err != nil {
		t.Fatal(err)
	}
	var python runtime
	if err := json.Unmarshal(x.Output(), &[]any{&python.Interpreter, &python.Modules}); err != nil {
		t.Fatalf("%s: %v", x.Result, err)
	}
	got := shown["python3"]
	got.Name = ""
	a, _ := json.Marshal(got)
	if b, _ := json.Marshal(python); string(a) != string(b) {
		t.Errorf("shown %s, a function finds %s", a, b)
	}
}

package functional

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// environments is a function of each runtime that returns two of its variables: as it found them
// when it was loaded, and in the call. Of the secret it returns a hash: results are recorded as
// they are. The call that is asked to end ends its process.
var environments = map[string]map[string]string{
	"python3": {"main.py": `import hashlib, os
def look():
    key = os.environ.get("KEY")
    return [os.environ.get("GREETING"), key and hashlib.sha256(key.encode()).hexdigest()]
LOADED = look()
def main(end=False):
    if end:
        os._exit(1)
    return LOADED + look()
`},
	"nodejs": {"main.js": `const { createHash } = require('node:crypto');
const look = () => [process.env.GREETING ?? null,
  process.env.KEY === undefined ? null : createHash('sha256').update(process.env.KEY).digest('hex')];
const loaded = look();
exports.main = ({ end } = {}) => {
  if (end) process.exit(1);
  return [...loaded, ...look()];
};
`},
}

// hiddenValue is part of every secret of TestEnvironment. No code that is stored holds it.
const hiddenValue = "swordfish-58c1"

// variedFunction is a function with variables.
type variedFunction struct {
	*testing.T
	ctx     context.Context
	client  *apiclient.Client
	id, key string // key: which secret it has now
}

// TestEnvironment sets variables of functions and changes them: the next call finds what was set, a
// version what it was made with, another function nothing, and the service after a restart what was
// there before. Nobody else finds the secret anywhere.
func TestEnvironment(t *testing.T) {
	ctx, dir := testContext(t), t.TempDir()
	var log logBuffer
	conf := "[DEFAULT]\ndebug = true\n[engine]\npool_size = 1\n"
	s := start(ctx, t, dir, conf, &log)
	stopped := false
	defer func() {
		if !stopped {
			s.Kill()
		}
	}()
	var made []*variedFunction
	for runtime, files := range environments {
		made = append(made, newVariedFunction(ctx, t, s.Client, runtime, files))
	}
	for _, f := range made {
		f.client = newest(s.Client)
		f.changes()
	}
	stop(t, s)
	stopped = true
	s = start(ctx, t, dir, conf, &log)
	stopped = false
	for _, f := range made {
		f.client = newest(s.Client)
		f.finds("hej", f.key)
		f.dies()
		f.finds("hej", f.key) // in another process of the same worker
		notInProcesses(t, hiddenValue)
	}
	stop(t, s)
	stopped = true
	if bytes.Contains([]byte(log.String()), []byte(hiddenValue)) {
		t.Error("the log tells a secret")
	}
	notInFiles(t, dir, hiddenValue)
}

// newest is the client with the newest microversion.
func newest(c *apiclient.Client) *apiclient.Client {
	return &apiclient.Client{
		Endpoint: c.Endpoint, Header: map[string]string{"OpenStack-API-Version": "function-engine latest"},
	}
}

func newVariedFunction(
	ctx context.Context, t *testing.T, c *apiclient.Client, runtime string, files map[string]string,
) *variedFunction {
	t.Helper()
	rt, err := c.AwaitRuntime(ctx, runtime)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := apiclient.Zip(files)
	if err != nil {
		t.Fatal(err)
	}
	key := hiddenValue + runtime
	f, err := newest(c).CreateFunction(ctx, apiclient.NewFunction{
		Name: runtime, RuntimeID: rt.ID, Package: zip, Timeout: functionTimeout,
		Environment: map[string]string{"GREETING": "hello"}, Secrets: map[string]string{"KEY": key},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &variedFunction{t, ctx, c, f.ID, key}
}

// do makes a request that must work.
func (f *variedFunction) do(method, path string, body any) {
	f.Helper()
	var answer json.RawMessage
	if err := f.client.Do(f.ctx, method, path, body, &answer); err != nil {
		f.Fatal(err)
	}
	if bytes.Contains(answer, []byte(hiddenValue)) {
		f.Errorf("%s %s tells a secret: %s", method, path, answer)
	}
}

// calls what the reference says and checks what it finds, as it was loaded and in the call; "" is
// nothing.
func (f *variedFunction) calls(reference map[string]any, greeting, key string) {
	f.Helper()
	var x apiclient.Execution
	if err := f.client.Do(f.ctx, "POST", "/v1/executions", reference, &x); err != nil {
		f.Fatal(err)
	}
	var found []*string
	if err := json.Unmarshal(x.Output(), &found); err != nil || len(found) != 4 {
		f.Fatalf("%s %s", x.Status, x.Result)
	}
	if key != "" {
		sum := sha256.Sum256([]byte(key))
		key = hex.EncodeToString(sum[:])
	}
	for i, want := range []string{greeting, key, greeting, key} {
		if got := found[i]; want == "" && got != nil || want != "" && (got == nil || *got != want) {
			f.Errorf("found %s, want %q and %q, twice", x.Output(), greeting, key)
		}
	}
}

func (f *variedFunction) finds(greeting, key string) {
	f.Helper()
	f.calls(map[string]any{"function_id": f.id}, greeting, key)
}

// dies has the function's process end in a call.
func (f *variedFunction) dies() {
	f.Helper()
	x, err := f.client.Execute(f.ctx, f.id, true, map[string]any{"end": true})
	if err != nil || x.Status != "failed" {
		f.Fatalf("%+v, %v", x, err)
	}
}

// changes goes through the life of the function's variables.
func (f *variedFunction) changes() {
	f.Helper()
	f.finds("hello", f.key)
	path := "/v1/functions/" + f.id
	f.do("POST", path+"/versions", map[string]any{})
	f.do("PUT", path, map[string]any{"environment": map[string]string{"GREETING": "hej"}})
	f.finds("hej", f.key)
	before := f.key
	f.key += "-new"
	f.do("PUT", path, map[string]any{"secrets": map[string]string{"KEY": f.key}})
	f.finds("hej", f.key)
	f.calls(map[string]any{"function_id": f.id, "function_version": 1}, "hello", before)
	f.do("PUT", path, map[string]any{"environment": map[string]string{}, "secrets": map[string]any{"KEY": nil}})
	f.finds("", "")
	f.do("PUT", path, map[string]any{
		"environment": map[string]string{"GREETING": "hej"}, "secrets": map[string]string{"KEY": f.key},
	})
	f.finds("hej", f.key)
	f.do("GET", path, nil)
	f.do("GET", "/v1/functions", nil)
	f.do("GET", path+"/versions/1", nil)
}

// notInProcesses looks through what ps shows of every process.
func notInProcesses(t *testing.T, text string) {
	t.Helper()
	for _, file := range []string{"cmdline", "environ"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			content, _ := os.ReadFile(path) // of those that have ended, or are another user's, there is none
			if bytes.Contains(content, []byte(text)) {
				t.Errorf("%s tells a secret", path)
			}
		}
	}
}

// notInFiles looks through every file that the service has left, its database among them.
func notInFiles(t *testing.T, dir, text string) {
	t.Helper()
	databases := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.HasPrefix(content, []byte("SQLite format 3")) {
			databases++
		}
		if bytes.Contains(content, []byte(text)) {
			t.Errorf("%s has a secret", path)
		}
		return err
	})
	if err != nil || databases == 0 {
		t.Errorf("%d databases were looked at, %v", databases, err)
	}
}

package core

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// shell types a command as somebody who has sourced an openrc file.
type shell struct {
	ctx  context.Context
	t    *testing.T
	user string
	dir  string
}

func (s shell) run(args ...string) (string, error) {
	cmd := exec.CommandContext(
		s.ctx, "/bin/bash",
		append([]string{"-c", `. "$0" && exec "$@"`, repository + "/.cloud/openrc-" + s.user}, args...)...,
	)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + s.dir, "LC_ALL=C.UTF-8", "PYTHONWARNINGS=ignore"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s shell) must(args ...string) string {
	s.t.Helper()
	out, err := s.run(args...)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

func (s shell) show(args ...string) map[string]any {
	s.t.Helper()
	out := s.must(append(args, "-f", "json")...)
	var columns map[string]any
	if err := json.Unmarshal([]byte(out), &columns); err != nil {
		s.t.Fatalf("%s printed %q: %v", strings.Join(args, " "), out, err)
	}
	return columns
}

// TestQuickStart types the quick start with Debian's client: a runtime by the admin; functions from
// a file, a package and Swift by demo.
func TestQuickStart(t *testing.T) {
	ctx := testContext(t)
	dir := t.TempDir()
	admin, demo := shell{ctx, t, "admin", dir}, shell{ctx, t, "demo", dir}

	runtime := admin.show("openstack", "runtime", "create", "--name", "quickstart", "docker.io/faas-mini/python3:dev")
	id, _ := runtime["id"].(string)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_, _ = shell{ctx, t, "admin", dir}.run("openstack", "runtime", "delete", id)
	})
	for runtime["status"] == "creating" {
		runtime = admin.show("openstack", "runtime", "show", id)
	}
	if runtime["status"] != "available" {
		t.Fatalf("the admin's runtime is %v", runtime["status"])
	}
	out, err := demo.run("openstack", "runtime", "create", "--name", "mine", "docker.io/faas-mini/python3:dev")
	if err == nil || !strings.Contains(out, "not allowed") {
		t.Errorf("demo makes a runtime: %v %s", err, out)
	}

	const code = "def main(name='World', **kwargs):\n    print('greeting', name)\n    return 'Hello, ' + name\n"
	file := filepath.Join(dir, "main.py")
	must(t, os.WriteFile(file, []byte(code), 0o600))
	pack, err := apiclient.Zip(map[string]string{"main.py": code})
	must(t, err)
	zip := filepath.Join(dir, "hello.zip")
	must(t, os.WriteFile(zip, pack, 0o600))
	demo.must("openstack", "container", "create", "quickstart")
	demo.must("openstack", "object", "create", "--name", "hello.zip", "quickstart", zip)

	ways := map[string][]string{
		"from-file":    {"--file", file},
		"from-package": {"--package", zip},
		"from-swift":   {"--container", "quickstart", "--object", "hello.zip"},
	}
	for name, source := range ways {
		args := append([]string{
			"openstack", "function", "create", "--name", name, "--runtime", id, "--entry", "main.main", "--cpu", "1000",
		}, source...)
		f := demo.show(args...)
		x := demo.show("openstack", "function", "execution", "create", "--function", name, "--input", `{"name": "Ada"}`)
		if result, _ := x["result"].(string); x["status"] != "success" || !strings.Contains(result, "Hello, Ada") {
			t.Errorf("%s: %v", name, x)
		}
		if log := demo.must("openstack", "function", "execution", "log", "show", x["id"].(string)); log != "greeting Ada" {
			t.Errorf("%s: its log is %q", name, log)
		}
		demo.must("openstack", "function", "execution", "delete", "--execution", x["id"].(string))
		demo.must("openstack", "function", "delete", f["id"].(string))
	}
	out, err = shell{ctx, t, "alt", dir}.run("openstack", "function", "list", "-f", "value")
	if err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("alt lists %v %q", err, out)
	}
}

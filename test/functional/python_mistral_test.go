package functional

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMistralActions has the actions of contrib/mistral test what needs no Mistral that runs.
func TestMistralActions(t *testing.T) {
	ctx := testContext(t)
	if exec.CommandContext(ctx, "/usr/bin/python3", "-c", "import mistral_lib").Run() != nil {
		t.Skip("no Mistral: install Debian's python3-mistral-lib")
	}
	cmd := exec.CommandContext(ctx,
		"/usr/bin/python3", "-W", "ignore", "-m", "unittest", "discover", "-t", ".", "-s", "tests")
	cmd.Dir = filepath.Join(contrib, "mistral")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH="+installPython(ctx, t, "client", "mistral"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

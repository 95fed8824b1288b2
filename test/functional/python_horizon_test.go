package functional

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestHorizonPanels runs contrib/horizon's own tests: of what needs no Horizon around it.
func TestHorizonPanels(t *testing.T) {
	ctx := testContext(t)
	if exec.CommandContext(ctx, "/usr/bin/python3", "-c", "import django, oslo_policy").Run() != nil {
		t.Skip("no Django: install Debian's python3-django and python3-oslo.policy")
	}
	cmd := exec.CommandContext(ctx,
		"/usr/bin/python3", "-W", "ignore", "-m", "unittest", "discover", "-t", ".", "-s", "tests")
	cmd.Dir = filepath.Join(contrib, "horizon")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

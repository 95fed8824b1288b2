package functional

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestHeatResources has the resources of contrib/heat make stacks in Heat's own engine, which runs
// in the tests' process, with a service beside it.
func TestHeatResources(t *testing.T) {
	ctx := testContext(t)
	if exec.CommandContext(ctx, "/usr/bin/python3", "-c", "import heat.tests.common").Run() != nil {
		t.Skip("no Heat: install Debian's python3-heat, python3-testscenarios and python3-fixtures")
	}
	installed := installPython(ctx, t, "client", "heat")
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 1\n", &log)
	defer stop(t, s)
	if _, err := s.Client.AwaitRuntime(ctx, "python3"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx,
		"/usr/bin/python3", "-W", "ignore", "-m", "unittest", "discover", "-t", ".", "-s", "tests")
	cmd.Dir = filepath.Join(contrib, "heat")
	cmd.Env = append(os.Environ(), "FAAS_ENDPOINT="+s.Client.Endpoint, "PYTHONDONTWRITEBYTECODE=1",
		"PYTHONPATH="+installed)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, log.String())
	}
}

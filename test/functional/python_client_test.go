package functional

import (
	"os"
	"os/exec"
	"testing"
)

// TestPythonClient has the tests of contrib/client speak to a service.
func TestPythonClient(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 1\n", &log)
	defer stop(t, s)
	if _, err := s.Client.AwaitRuntime(ctx, "python3"); err != nil {
		t.Fatal(err)
	}
	// Debian's interpreter, with Debian's keystoneauth1.
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "-m", "unittest", "discover", "-t", ".", "-s", "tests")
	cmd.Dir = "../../contrib/client"
	cmd.Env = append(os.Environ(), "FAAS_ENDPOINT="+s.Client.Endpoint, "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, log.String())
	}
}

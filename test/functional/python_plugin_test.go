package functional

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPythonPlugin has contrib's plugin of the openstack client test what needs no cloud.
func TestPythonPlugin(t *testing.T) {
	client, err := filepath.Abs("../../contrib/client")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(testContext(t), "/usr/bin/python3", "-W", "ignore", "-m", "unittest", "discover", "-t", ".",
		"-s", "tests")
	cmd.Dir = "../../contrib/openstackclient"
	cmd.Env = append(os.Environ(), "PYTHONPATH="+client, "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

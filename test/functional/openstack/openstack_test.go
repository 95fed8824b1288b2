package openstack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/test/functional/polling"
)

const (
	repository = "../../.."
	contrib    = repository + "/contrib"
)

func TestMain(m *testing.M) {
	if os.Getenv("CLOUD") != "all" {
		fmt.Println("no cloud: these tests need root, make cloud-up CLOUD=all, and what .cloud/env says in the",
			"environment; make functional does all three")
		os.Exit(0)
	}
	code := m.Run()
	_ = os.RemoveAll(plugins) // the outcome is told already
	os.Exit(code)
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 30 * time.Minute

// testContext returns a context that ends with the test, and with hangTimeout at the latest.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	t.Cleanup(cancel)
	return ctx
}

// credentials returns the variables OS_… of a user of the mini cloud, as its openrc file sets them.
func credentials(ctx context.Context, t *testing.T, user string) map[string]string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(repository, ".cloud", "openrc-"+user))
	must(t, err)
	cmd := exec.CommandContext(ctx, "bash", "-c", `. "$1" && env -0`, "openrc", file)
	out, err := cmd.Output()
	must(t, err)
	variables := map[string]string{}
	for _, line := range strings.Split(string(out), "\x00") {
		if name, value, found := strings.Cut(line, "="); found && strings.HasPrefix(name, "OS_") {
			variables[name] = value
		}
	}
	return variables
}

// await looks at the condition until it holds.
func await(ctx context.Context, t *testing.T, what string, condition func() bool) {
	t.Helper()
	polling.Await(ctx, t, what, condition)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

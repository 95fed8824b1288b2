package openstack

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestHorizon uses every page of contrib/horizon in a browser, as a member, a reader and an
// administrator; horizon/pages.py says what it does.
func TestHorizon(t *testing.T) {
	ctx := testContext(t)
	url := os.Getenv("HORIZON_URL")
	if url == "" {
		t.Skip("HORIZON_URL is not set: this cloud has no Horizon")
	}
	horizonScript(ctx, t, "horizon/pages.py", url)
}

// TestQinlingDashboard makes the calls that Qinling's own dashboard makes; horizon/qinling.py says
// why it does not have that dashboard itself.
func TestQinlingDashboard(t *testing.T) {
	horizonScript(testContext(t), t, "horizon/qinling.py", os.Getenv("OS_AUTH_URL"))
}

// horizonScript runs a script that reads the passwords of users.
func horizonScript(ctx context.Context, t *testing.T, script, argument string) {
	t.Helper()
	passwords := map[string]string{}
	for _, user := range []string{"demo", "demo_reader", "admin"} {
		passwords[user] = credentials(ctx, t, user)["OS_PASSWORD"]
	}
	input, err := json.Marshal(passwords)
	must(t, err)
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "-W", "ignore", script, argument)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin = strings.NewReader(string(input))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

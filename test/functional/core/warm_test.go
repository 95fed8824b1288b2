package core

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// TestWarmCost calls a function by turns through the API and through one that asks for no token, on
// the same database and workers. The second is the floor: what Keystone, policy and quota add must
// not double a warm call, as a single request to Keystone would. What they add in milliseconds is
// the business of make bench.
func TestWarmCost(t *testing.T) {
	ctx := testContext(t)
	owner := login(ctx, t, "demo")
	asked := with(t, 0, owner.text)
	asked.HTTP.Transport = asked.HTTP.Transport.(watched).RoundTripper // both are measured without the search
	f := create(ctx, t, asked, echo)
	unasked := noauth(ctx, t, owner.projectID)
	took := map[*apiclient.Client][]time.Duration{}
	const batches, each = 10, 40
	for batch := range batches + 1 {
		for _, c := range []*apiclient.Client{asked, unasked} {
			for range each {
				begun := time.Now()
				run(ctx, t, c, f.ID, map[string]any{"n": batch})
				if batch > 0 { // the first has each API find its worker
					took[c] = append(took[c], time.Since(begun))
				}
			}
		}
	}
	median := func(c *apiclient.Client) time.Duration { slices.Sort(took[c]); return took[c][len(took[c])/2] }
	with, without := median(asked), median(unasked)
	t.Logf(
		"warm, one caller, p50 of %d: %v with Keystone, policy, quota and record; %v without Keystone",
		batches*each, with, without,
	)
	if with > 2*without {
		t.Errorf("a call takes %v, and %v without Keystone, policy and quota: want twice as long at most", with, without)
	}
}

// noauth starts one more faas-api that takes everybody for the administrator of the project.
func noauth(ctx context.Context, t *testing.T, projectID string) *apiclient.Client {
	t.Helper()
	const port = "7079"
	cmd := exec.CommandContext(
		ctx, repository+"/bin/faas-api", "--config-file", filepath.Join(filepath.Dir(env.logs), "etc", "faas.conf"),
	)
	cmd.Env = append(
		os.Environ(), "FAAS_DEFAULT_AUTH_STRATEGY=noauth", "FAAS_STORAGE_PROVIDER=local",
		"FAAS_API_NOAUTH_PROJECT_ID="+projectID, "FAAS_API_PORT="+port, "FAAS_DEFAULT_HOST=noauth",
	)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	must(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL) // it holds nothing
		_ = cmd.Wait()
		log.Close()
	})
	c := &apiclient.Client{
		Endpoint: "http://127.0.0.1:" + port,
		HTTP:     &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}},
	}
	await(ctx, t, "the API without Keystone answers", func() bool {
		err := c.Do(ctx, "GET", "/healthcheck", nil, new(string))
		if cmd.ProcessState != nil {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("it ended: %s", text)
		}
		return err == nil
	})
	return c
}

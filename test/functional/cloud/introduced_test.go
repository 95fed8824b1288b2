package cloud

import (
	"syscall"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// TestColdCallsWithoutKubernetes kills the API server in the moment in which a pool is full again.
// What counts as ready is known by its certificate: cold calls go to it, by TLS.
func TestColdCallsWithoutKubernetes(t *testing.T) {
	ctx := testContext(t)
	for _, mode := range []string{"accept", "require"} {
		i := newWithTLS(ctx, t, "away", mode)
		f := create(ctx, t, i.client, "python3", "def main():\n    return 1\n", apiclient.NewFunction{})
		i.awaitFresh()
		end(ctx, t, "kube-apiserver", syscall.SIGKILL)
		began := time.Now()
		x, err := i.client.Execute(ctx, f.ID, true, nil)
		t.Logf("worker_tls = %s: %s after %s, %v", mode, x.Status, time.Since(began).Round(time.Millisecond), err)
		if err != nil || x.Status != "success" {
			t.Errorf("worker_tls = %s: a cold call: %s %s %v", mode, x.Status, x.Result, err)
		}
		up(ctx, t)
		i.stop()
	}
}

// awaitFresh deletes the pool's worker and returns when there is another one, and not a moment
// later.
func (i *withTLS) awaitFresh() {
	i.Helper()
	available := func() int {
		var pool struct{ Capacity struct{ Available int } }
		must(i, i.client.Do(i.ctx, "GET", "/v1/runtimes/"+i.runtime+"/pool", nil, &pool))
		return pool.Capacity.Available
	}
	await(i.ctx, i.T, "the pool is full", func() bool { return available() == 1 })
	kubectl(i.ctx, i.T, "delete", "pods", "-n", i.namespace, "-l", ofWorkers+","+ofGenerics, "--grace-period=0", "--force",
		"--wait=false")
	await(i.ctx, i.T, "the pool's worker is gone", func() bool { return available() == 0 })
	for available() == 0 {
		if i.ctx.Err() != nil {
			i.Fatal("the pool's worker was not replaced")
		}
	}
}

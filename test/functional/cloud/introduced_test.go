package cloud

import (
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// TestColdCallsWithoutKubernetes kills the API server in the moment in which a pool is full for the
// first time. What counts as ready is known by its certificate: a cold call goes to it, by TLS.
func TestColdCallsWithoutKubernetes(t *testing.T) {
	ctx := testContext(t)
	i := newWithTLS(ctx, t, "away", "require")
	f := i.onFreshPool()
	end(ctx, t, "kube-apiserver", syscall.SIGKILL)
	began := time.Now()
	x, err := i.client.Execute(ctx, f.ID, true, nil)
	t.Logf("%s after %s, %v", x.Status, time.Since(began).Round(time.Millisecond), err)
	if err != nil || x.Status != "success" {
		t.Errorf("a cold call: %s %s %v", x.Status, x.Result, err)
	}
	up(ctx, t)
	i.stop()
}

// onFreshPool makes a runtime, and returns a function of it as soon as its pool is full.
func (i *withTLS) onFreshPool() apiclient.Function {
	i.Helper()
	var made apiclient.Runtime
	must(i, i.client.Do(i.ctx, "POST", "/v1/runtimes", map[string]any{
		"name": "fresh", "image": imageNow, "trusted": true,
	}, &made))
	zip, err := apiclient.Zip(map[string]string{"main.py": "def main():\n    return 1\n"})
	must(i, err)
	want := apiclient.NewFunction{Name: i.Name(), RuntimeID: made.ID, Package: zip}
	for {
		f, err := i.client.CreateFunction(i.ctx, want)
		var e *apiclient.Error
		if errors.As(err, &e) && e.Status == http.StatusConflict { // the runtime is not available yet
			continue
		}
		must(i, err)
		return f
	}
}

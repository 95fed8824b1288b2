package cloud

import (
	"context"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// runtimeView is what the API shows of a runtime.
type runtimeView struct {
	ID     string `json:"id"`
	Image  string `json:"image"`
	Status string `json:"status"`
	Reason string `json:"status_reason"`
}

func newRuntime(ctx context.Context, t *testing.T, c *apiclient.Client, image string) runtimeView {
	t.Helper()
	return newRuntimeOf(ctx, t, c, map[string]any{
		"name": t.Name(), "image": image, "is_public": true, "trusted": true,
	})
}

func newRuntimeOf(ctx context.Context, t *testing.T, c *apiclient.Client, fields map[string]any) runtimeView {
	t.Helper()
	var made runtimeView
	must(t, c.Do(ctx, "POST", "/v1/runtimes", fields, &made))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = c.Do(ctx, "DELETE", "/v1/runtimes/"+made.ID, nil, nil) // most tests have done so
	})
	return made
}

// awaitStatus waits until the runtime is neither being created nor upgraded.
func awaitStatus(ctx context.Context, t *testing.T, c *apiclient.Client, id string) runtimeView {
	t.Helper()
	var r runtimeView
	await(ctx, t, "the runtime's status is final", func() bool {
		must(t, c.Do(ctx, "GET", "/v1/runtimes/"+id, nil, &r))
		return r.Status == "available" || r.Status == "error"
	})
	return r
}

// TestRuntimeWithoutImage is a runtime whose image is nowhere: its status says error, and the
// reason is Kubernetes' own.
func TestRuntimeWithoutImage(t *testing.T) {
	t.Parallel() // it mostly waits
	ctx, c := testContext(t), client(t)
	made := newRuntime(ctx, t, c, "docker.io/faas-mini/nowhere:dev")
	r := awaitStatus(ctx, t, c, made.ID)
	if r.Status != "error" || !strings.Contains(r.Reason, "Pull") && !strings.Contains(r.Reason, "image") {
		t.Errorf("got %+v", r)
	}
	t.Logf("%+v", r)
	must(t, c.Do(ctx, "DELETE", "/v1/runtimes/"+made.ID, nil, nil))
	await(ctx, t, "nothing of it is left", func() bool {
		return kubectl(
			ctx, t, "get", "deployments,pods", "-n", "faas", "-l", "faas.openstack.org/runtime-id="+made.ID, "-o",
			"name",
		) == ""
	})
}

// TestRuntimeUpdate changes a runtime's image to one that is nowhere: it goes back to the old one,
// and functions run all the while.
func TestRuntimeUpdate(t *testing.T) {
	t.Parallel() // it mostly waits
	ctx, c := testContext(t), client(t)
	made := newRuntime(ctx, t, c, "docker.io/faas-mini/python3:dev")
	if r := awaitStatus(ctx, t, c, made.ID); r.Status != "available" {
		t.Fatalf("got %+v", r)
	}
	must(t, c.Do(ctx, "PUT", "/v1/runtimes/"+made.ID, map[string]string{"image": "docker.io/faas-mini/nowhere:dev"}, nil))
	r := awaitStatus(ctx, t, c, made.ID)
	t.Logf("%+v", r)
	if r.Status != "available" || r.Image != "docker.io/faas-mini/python3:dev" {
		t.Errorf("after an update to an image that is nowhere: %+v", r)
	}
	f := create(ctx, t, c, t.Name(), echo, apiclient.NewFunction{})
	x, err := c.Execute(ctx, f.ID, true, map[string]int{"n": 1})
	must(t, err)
	if x.Status != "success" {
		t.Errorf("%s %s", x.Status, x.Result)
	}
	must(t, c.Do(ctx, "DELETE", "/v1/functions/"+f.ID, nil, nil))
	must(t, c.Do(ctx, "DELETE", "/v1/runtimes/"+made.ID, nil, nil))
}

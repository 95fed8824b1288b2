package cloud

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// begin executes a function asynchronously that does not end by itself, and returns the execution
// when the condition says that it runs.
func begin(
	ctx context.Context, t *testing.T, c *apiclient.Client, function string, input any, runs func() bool,
) string {
	t.Helper()
	x, err := c.Execute(ctx, function, false, input)
	must(t, err)
	await(ctx, t, "the call runs", runs)
	return x.ID
}

// cancelled cancels an execution and returns what is recorded.
func cancelled(ctx context.Context, t *testing.T, c *apiclient.Client, id string) (x apiclient.Execution) {
	t.Helper()
	must(t, c.Do(ctx, "POST", "/v1/executions/"+id+"/cancel", nil, &x))
	if x.Status != "cancelled" {
		t.Errorf("the cancelled execution is %+v", x)
	}
	return x
}

// newest returns a client that asks for the microversion in which executions are cancelled.
func newest(t *testing.T) *apiclient.Client {
	c := client(t)
	c.Header = map[string]string{"OpenStack-API-Version": "function-engine 1.7"}
	return c
}

// TestCancelledOnAWorker cancels a call in a pod: its worker serves the next one.
func TestCancelledOnAWorker(t *testing.T) {
	ctx, c := testContext(t), newest(t)
	g := startGate(t)
	awaitPool(ctx, t, c, "python3")
	f := create(ctx, t, c, "python3", meet, apiclient.NewFunction{Timeout: 300})
	input := map[string]string{"url": g.url}
	id := begin(ctx, t, c, f.ID, input, func() bool { return g.count() == 1 })
	cancelled(ctx, t, c, id)
	g.open()
	x, err := c.Execute(ctx, f.ID, true, input)
	must(t, err)
	if x.Status != "success" || len(g.hosts()) != 1 {
		t.Errorf("the next call: %s %s, on %v", x.Status, x.Result, g.hosts())
	}
	if x, err = c.Execution(ctx, id); err != nil || x.Status != "cancelled" {
		t.Errorf("the cancelled execution is %+v, %v", x, err)
	}
}

// TestCancelledInAContainer cancels the call of an image and deletes the function of another: no
// container is left, long before their timeouts.
func TestCancelledInAContainer(t *testing.T) {
	ctx, c := testContext(t), newest(t)
	f := image(ctx, t, c, echoImage(), "run", 300)
	running := func() bool {
		phases := kubectl(ctx, t, "get", "pods", "-A", "-l", "faas.openstack.org/function-id="+f, "-o",
			"jsonpath={.items[*].status.phase}")
		return strings.Contains(phases, "Running")
	}
	id := begin(ctx, t, c, f, "sleep=100000", running)
	cancelled(ctx, t, c, id)
	await(ctx, t, "its container is gone", func() bool { return len(imagePods(t, f)) == 0 })
	id = begin(ctx, t, c, f, "sleep=100000", running)
	must(t, c.Do(ctx, "DELETE", "/v1/functions/"+f, nil, nil))
	await(ctx, t, "the deleted function's container is gone", func() bool { return len(imagePods(t, f)) == 0 })
	x, err := c.Await(ctx, id, 50*time.Millisecond)
	if err != nil || x.Status != "cancelled" {
		t.Errorf("the deleted function's execution is %+v, %v", x, err)
	}
}

package functional

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// underLoad has functions called in each way until stop is called. Each round has a new function,
// so that there are cold calls all the time.
func underLoad(ctx context.Context, t *testing.T, c *apiclient.Client) (stop func()) {
	t.Helper()
	runtime, err := c.AwaitRuntime(ctx, "python3")
	if err != nil {
		t.Fatal(err)
	}
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-end:
				ended <- nil
				return
			default:
			}
			if err := useOnce(ctx, c, runtime.ID); err != nil {
				ended <- err
				return
			}
		}
	}()
	return func() {
		close(end)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// useOnce makes a function, calls it by a trigger, asynchronously and synchronously, and deletes
// it.
func useOnce(ctx context.Context, c *apiclient.Client, runtime string) error {
	zip, err := apiclient.Zip(map[string]string{
		"main.py": "import time\ndef main(nap=0, event=None):\n    time.sleep(nap)\n    return 'done'\n",
	})
	if err != nil {
		return err
	}
	f, err := c.CreateFunction(
		ctx, apiclient.NewFunction{Name: "used", RuntimeID: runtime, Package: zip, CPU: 1000, Timeout: functionTimeout},
	)
	if err != nil {
		return err
	}
	trigger, err := sendEvent(ctx, c, f.ID)
	if err != nil {
		return err
	}
	if err := callOften(ctx, c, f.ID); err != nil {
		return err
	}
	if err := c.Do(ctx, "DELETE", "/v1/triggers/"+trigger, nil, nil); err != nil {
		return err
	}
	return c.Do(ctx, "DELETE", "/v1/functions/"+f.ID, nil, nil)
}

// sendEvent makes a trigger of the function and sends it an event.
func sendEvent(ctx context.Context, c *apiclient.Client, function string) (trigger string, err error) {
	var hook struct{ ID, URL string }
	fields := map[string]string{"name": "hook", "source": "webhook", "function_id": function}
	if err := c.Do(ctx, "POST", "/v1/triggers", fields, &hook); err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, strings.NewReader("{}"))
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	return hook.ID, answer.Body.Close()
}

// callOften has more calls run at once than one worker has slots for, and one of which the caller
// waits for the end.
func callOften(ctx context.Context, c *apiclient.Client, function string) error {
	var waiting []string
	for range 8 {
		x, err := c.Execute(ctx, function, false, map[string]any{"nap": 0.2})
		if err != nil {
			return err
		}
		waiting = append(waiting, x.ID)
	}
	if _, err := c.Execute(ctx, function, true, nil); err != nil {
		return err
	}
	for _, id := range waiting {
		if _, err := c.Await(ctx, id, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

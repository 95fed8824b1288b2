package functional

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// post sends a body to a webhook's URL, without a token, and returns the execution that it caused.
func post(ctx context.Context, at, contentType, body string) (executionID string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `json:"execution_id"`
	}
	if answer.StatusCode != http.StatusAccepted || json.Unmarshal(text, &made) != nil {
		return "", fmt.Errorf("%d %s", answer.StatusCode, text)
	}
	return made.ID, nil
}

// TestOpenStackWebhooks types every command of the client that belongs to webhooks, and calls one
// as Qinling's own test does: with a form. The URL outlives the service's process.
func TestOpenStackWebhooks(t *testing.T) {
	ctx := testContext(t)
	dir := t.TempDir()
	var log logBuffer
	s := start(ctx, t, dir, "[engine]\npool_size = 1\n", &log)
	defer func() { stop(t, s) }()
	f := python(ctx, t, s.Client, "def main(name='World', **kwargs):\n    print('greeting', name)\n    return name\n")
	o := openstack{t: t, ctx: ctx, endpoint: s.Client.Endpoint, dir: t.TempDir()}
	o.refused("not found", "webhook", "create", "--function", "00000000-0000-4000-8000-000000000000")
	o.refused("Function alias none can not be found", "webhook", "create", "--function-alias", "none")
	made := o.show("webhook", "create", "--function", f.ID, "--description", "of the test")
	id, _ := made["id"].(string)
	at, _ := made["webhook_url"].(string)
	if made["function_id"] != f.ID || made["function_version"] != 0.0 || made["description"] != "of the test" ||
		made["function_alias"] != nil {
		t.Errorf("webhook create shows %v", made)
	}
	if list := o.must("webhook", "list", "-f", "value", "-c", "Id", "-c", "Function_id"); list != id+" "+f.ID {
		t.Errorf("webhook list prints %q", list)
	}
	if shown := o.show("webhook", "show", id); shown["webhook_url"] != at {
		t.Errorf("webhook show shows %v", shown)
	}
	changed := o.show(
		"webhook", "update", id, "--description", "changed", "--function-version", "0", "--function-id", f.ID,
	)
	if changed["description"] != "changed" || changed["webhook_url"] != at || changed["function_id"] != f.ID {
		t.Errorf("webhook update shows %v", changed)
	}
	o.refused("Version 7", "webhook", "update", id, "--function-version", "7")
	o.refused("in use by webhook "+id, "function", "delete", f.ID)
	called(ctx, t, s, id, at)

	stop(t, s)
	s = start(ctx, t, dir, "[engine]\npool_size = 1\n", &log)
	o.endpoint = s.Client.Endpoint
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = s.Address()
	if _, err := post(ctx, u.String(), "application/json", `{"name": "again"}`); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	o.must("webhook", "delete", id)
	o.refused("not found", "webhook", "show", id)
	if _, err := post(ctx, u.String(), "application/json", `{}`); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("after it was deleted: %v", err)
	}
	o.must("function", "delete", f.ID)
	if secret := u.Query().Get("secret"); strings.Contains(log.String(), secret) {
		t.Error("the log has the URL's secret")
	}
}

// called calls the webhook and looks at what became of it.
func called(ctx context.Context, t *testing.T, s *apiclient.Service, id, at string) {
	t.Helper()
	x, err := post(ctx, at, "application/x-www-form-urlencoded", "name=qinling")
	if err != nil {
		t.Fatal(err)
	}
	var found struct{ Executions []apiclient.Execution }
	if err := s.Client.Do(ctx, "GET", "/v1/executions?description=has:"+id, nil, &found); err != nil {
		t.Fatal(err)
	}
	if len(found.Executions) != 1 || found.Executions[0].ID != x {
		t.Errorf("the executions of the webhook are %+v, want %s", found.Executions, x)
	}
	ended, err := s.Client.Await(ctx, x, 10*time.Millisecond)
	if err != nil || ended.Status != "success" || string(ended.Output()) != `"qinling"` {
		t.Errorf("the execution is %+v, %v", ended, err)
	}
	if text, err := s.Client.Log(ctx, x); err != nil || text != "greeting qinling\n" {
		t.Errorf("its log is %q, %v", text, err)
	}
}

// TestWebhookCalledOften calls a webhook a thousand times, twenty at a time: each call is answered
// with an execution of its own, and each runs.
func TestWebhookCalledOften(t *testing.T) {
	ctx := testContext(t)
	const calls, atOnce = 1000, 20
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 1\n", &log)
	defer stop(t, s)
	f := python(ctx, t, s.Client, "def main(n):\n    return n\n")
	var hook struct {
		URL string `json:"webhook_url"`
	}
	if err := s.Client.Do(ctx, "POST", "/v1/webhooks", map[string]any{"function_id": f.ID}, &hook); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	caused := map[string]int64{} // what each execution was given
	var next atomic.Int64
	var callers sync.WaitGroup
	for range atOnce {
		callers.Go(func() {
			for n := next.Add(1); n <= calls; n = next.Add(1) {
				id, err := post(ctx, hook.URL, "application/json", fmt.Sprintf(`{"n": %d}`, n))
				if err != nil {
					t.Errorf("call %d: %v", n, err)
					return
				}
				mu.Lock()
				caused[id] = n
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	if len(caused) != calls {
		t.Fatalf("%d calls caused %d executions", calls, len(caused))
	}
	for id, n := range caused {
		x, err := s.Client.Await(ctx, id, 10*time.Millisecond)
		if err != nil || x.Status != "success" || string(x.Output()) != fmt.Sprint(n) {
			t.Errorf("call %d: %+v, %v", n, x, err)
		}
	}
	var page struct{ Executions []apiclient.Execution }
	err := s.Client.Do(ctx, "GET", "/v1/executions?limit=1000&status=neq:success", nil, &page)
	if err != nil || len(page.Executions) > 0 {
		t.Errorf("besides there are %+v, %v", page.Executions, err)
	}
}

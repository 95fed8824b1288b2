package functional

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// latest sends a request of the newest microversion, and returns the body of an answer that has the
// status.
func latest(ctx context.Context, t *testing.T, method, at, body string, want int, header ...string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("OpenStack-API-Version", "function-engine latest")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		t.Fatalf("%s %s %s: %d %s, %v; want %d", method, at, body, answer.StatusCode, text, err, want)
	}
	return text
}

// triggered is what is read of a trigger.
type triggered struct {
	ID, Status, URL string
	Delivered       int
	LastEventID     string `json:"last_event_id"`
}

func readTrigger(t *testing.T, text []byte) (g triggered) {
	t.Helper()
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// outputs returns what the executions of a trigger have returned, once so many have ended.
func outputs(ctx context.Context, t *testing.T, c *apiclient.Client, id string, n int) (all []string) {
	t.Helper()
	await(ctx, t, "the trigger's executions", func() bool {
		var list struct {
			Executions []struct{ Status, Result string }
		}
		text := latest(ctx, t, "GET", c.Endpoint+"/v1/executions?description=has:"+id, "", 200)
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		all = nil
		for _, x := range list.Executions {
			if x.Status == "success" {
				var result struct{ Output json.RawMessage }
				if err := json.Unmarshal([]byte(x.Result), &result); err != nil {
					t.Fatal(err)
				}
				all = append(all, string(result.Output))
			}
		}
		return len(all) >= n
	})
	slices.Sort(all)
	return all
}

// TestTriggers has requests and the clock execute functions, which get the event.
func TestTriggers(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 1\n", &log)
	defer func() { stop(t, s) }()
	f := python(ctx, t, s.Client, "def main(event, who='nobody'):\n    return [event['type'], event.get('data'), who]\n")
	triggers := s.Client.Endpoint + "/v1/triggers"
	hook := readTrigger(
		t,
		latest(ctx, t, "POST", triggers, `{"name": "hook", "source": "webhook", "function_id": "`+f.ID+`",
		"filter": [{"not": {"suffix": {"type": ".ignored"}}}], "input": {"who": "${data.name}"}}`, 201),
	)
	latest(ctx, t, "POST", hook.URL, `{"name": "Ada"}`, 202)
	latest(
		ctx,
		t,
		"POST",
		hook.URL,
		`{"name": "Bob"}`,
		202,
		"Ce-Specversion",
		"1.0",
		"Ce-Id",
		"1",
		"Ce-Source",
		"/x",
		"Ce-Type",
		"own",
	)
	latest(
		ctx,
		t,
		"POST",
		hook.URL,
		`{"name": "Bob"}`,
		202,
		"Ce-Specversion",
		"1.0",
		"Ce-Id",
		"1",
		"Ce-Source",
		"/x",
		"Ce-Type",
		"own",
	)
	latest(
		ctx,
		t,
		"POST",
		hook.URL,
		`{}`,
		202,
		"Ce-Specversion",
		"1.0",
		"Ce-Id",
		"2",
		"Ce-Source",
		"/x",
		"Ce-Type",
		"own.ignored",
	)
	got := outputs(ctx, t, s.Client, hook.ID, 2)
	want := []string{`["org.openstack.faas.webhook",{"name":"Ada"},"Ada"]`, `["own",{"name":"Bob"},"Bob"]`}
	if !slices.Equal(got, want) {
		t.Errorf("executed %v, want %v", got, want)
	}

	clock := readTrigger(
		t,
		latest(ctx, t, "POST", triggers, `{"name": "clock", "source": "clock", "function_id": "`+f.ID+`",
		"settings": {"pattern": "* * * * * *"}}`, 201),
	)
	for _, output := range outputs(ctx, t, s.Client, clock.ID, 2) {
		if !strings.HasPrefix(output, `["org.openstack.faas.`) {
			t.Errorf("the clock's execution returned %s", output)
		}
	}
	await(ctx, t, "what the clock's trigger has seen", func() bool {
		g := readTrigger(t, latest(ctx, t, "GET", triggers+"/clock", "", 200))
		return g.Status == "active" && g.Delivered >= 2 && g.LastEventID != ""
	})
	latest(ctx, t, "DELETE", triggers+"/clock", "", 204)
	latest(ctx, t, "DELETE", triggers+"/hook", "", 204)
	latest(ctx, t, "POST", hook.URL, `{}`, 404)
	if text := latest(ctx, t, "GET", triggers, "", 200); !bytes.Contains(text, []byte(`"triggers":[]`)) {
		t.Errorf("left are %s", text)
	}
}

package functional

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// sent is what is read of an event that says how an execution ended.
type sent struct {
	ID, Type    string
	Depth       int `json:"faasdepth"`
	ContentType string
	Data        struct {
		FunctionID string `json:"function_id"`
		Status     string
		Result     struct{ Output json.RawMessage }
	}
}

// TestDestinations has the outcome of an execution go to another function, and that one's to a URL,
// which takes it the second time; a failure goes elsewhere than a success.
func TestDestinations(t *testing.T) {
	ctx := testContext(t)
	got, tries := make(chan sent, 10), atomic.Int32{}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		e := sent{ContentType: r.Header.Get("Content-Type")}
		if err := json.Unmarshal(body, &e); err != nil {
			t.Errorf("%v in %s", err, body)
		}
		got <- e
	}))
	defer receiver.Close()
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 1\n[triggers]\nallowed_networks = 127.0.0.1/32\n", &log)
	defer func() { stop(t, s) }()
	next := python(ctx, t, s.Client, "def main(event):\n    return event['data']['result']['output'] * 10\n")
	f := python(ctx, t, s.Client, "def main(n):\n    return n + 1\n")
	api := s.Client.Endpoint + "/v1"
	latest(ctx, t, "PUT", api+"/functions/"+next.ID, `{"on_success": {"url": "`+receiver.URL+`/ok"}}`, 200)
	latest(ctx, t, "PUT", api+"/functions/"+f.ID,
		`{"on_success": {"function_id": "`+next.ID+`"}, "on_failure": {"url": "`+receiver.URL+`/failed"}}`, 200)
	hear := func() (e sent) {
		t.Helper()
		select {
		case e = <-got:
		case <-ctx.Done():
			t.Fatalf("nothing was sent\n%s", &log)
		}
		return e
	}
	latest(ctx, t, "POST", api+"/executions", `{"function_id": "`+f.ID+`", "sync": false, "input": {"n": 1}}`, 201)
	e := hear()
	if e.Type != "org.openstack.faas.execution.succeeded" || e.Depth != 2 || e.Data.FunctionID != next.ID ||
		string(e.Data.Result.Output) != "20" || e.ContentType != "application/cloudevents+json" {
		t.Errorf("sent was %+v", e)
	}
	latest(ctx, t, "POST", api+"/executions", `{"function_id": "`+f.ID+`", "sync": false, "input": {"n": "x"}}`, 201)
	e = hear()
	if e.Type != "org.openstack.faas.execution.failed" || e.Depth != 1 || e.Data.FunctionID != f.ID ||
		e.Data.Status != "failed" {
		t.Errorf("sent was %+v", e)
	}
}

package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

func (s *service) execute(function, rest string, want int) executionView {
	s.t.Helper()
	var x executionView
	s.do("POST", "/v1/executions", `{"function_id": "`+function+`"`+rest+`}`, want).decode(s.t, &x)
	return x
}

func TestSyncExecution(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	x := s.execute(
		function,
		`, "input": "{\"name\": \"Ada\"}", "function_version": "0", "function_alias": null, "sync": true, "description": "d"`,
		201,
	)
	if x.Status != "success" || *x.Result != `{"duration":0.0015,"output":{"name":"Ada"}}` || *x.Input != `{"name":"Ada"}` || *x.Description != "d" ||
		!x.Sync || x.FunctionAlias != nil ||
		x.FunctionVersion != 0 ||
		x.ProjectID != project ||
		x.UpdatedAt == nil {
		t.Errorf("answered %+v", x)
	}
	var recorded executionView
	s.do("GET", "/v1/executions/"+x.ID, "", 200).decode(t, &recorded)
	if *recorded.Result != *x.Result || *recorded.CreatedAt != *x.CreatedAt || *recorded.UpdatedAt != *x.UpdatedAt ||
		recorded.Status != x.Status {
		t.Errorf("recorded %+v, answered %+v", recorded, x)
	}
	log := s.do("GET", "/v1/executions/"+x.ID+"/log", "", 200)
	if string(log.body) != "printed\n" || !strings.HasPrefix(log.header.Get("Content-Type"), "text/plain") {
		t.Errorf("log %q %v", log.body, log.header)
	}
	s.do("DELETE", "/v1/executions/"+x.ID, "", 204)
	s.do("GET", "/v1/executions/"+x.ID, "", 404)
}

func TestALogThatLooksLikeJSONIsText(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.answer(func(ctx context.Context, _ faas.Target, _ faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		return faas.Outcome{Status: faas.ExecutionFailed, Output: faas.TextOutput("no"), Log: `{"a": "<script>"}`}, begin(ctx)
	})
	x := s.execute(function, "", 201)
	if x.Status != "failed" || *x.Result != `{"duration":0,"output":"no"}` || x.Input != nil {
		t.Errorf("got %+v", x)
	}
	log := s.do("GET", "/v1/executions/"+x.ID+"/log", "", 200)
	if !strings.HasPrefix(log.header.Get("Content-Type"), "text/plain") ||
		log.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", log.header)
	}
}

// TestResultsAreNotEscaped looks at the bytes on the wire.
func TestResultsAreNotEscaped(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.answer(func(ctx context.Context, _ faas.Target, _ faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		return faas.Outcome{
			Status: faas.ExecutionFailed, Output: json.RawMessage(`"\u003chtml\u003e \u00fc"`),
			Error: &faas.Failure{Type: "KeyError", Message: "<k>"},
		}, begin(ctx)
	})
	x := s.execute(function, "", 201)
	want := `{"duration":0,"output":"<html> ü","error":{"type":"KeyError","message":"<k>"}}`
	if *x.Result != want {
		t.Errorf("got %s, want %s", *x.Result, want)
	}
	escaped := strings.ReplaceAll(want, `"`, `\"`)
	for _, path := range []string{"/v1/executions/" + x.ID, "/v1/executions"} {
		answer := s.do("GET", path, "", 200)
		if !strings.Contains(string(answer.body), escaped) || answer.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s has %s %v", path, answer.body, answer.header)
		}
	}
}

func TestAsyncExecution(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	x := s.execute(function, `, "input": "Ada", "sync": false`, 201)
	if x.Status != "running" || x.Result != nil || x.Sync || *x.Input != `{"__function_input":"Ada"}` {
		t.Errorf("got %+v", x)
	}
	if id := await(t, s.queued); id != x.ID {
		t.Errorf("queued %s, want %s", id, x.ID)
	}
	s.do("DELETE", "/v1/executions/"+x.ID, "", 409)
	var list struct{ Executions []executionView }
	s.do("GET", "/v1/executions?status=running&function_id="+function, "", 200).decode(t, &list)
	if len(list.Executions) != 1 || list.Executions[0].ID != x.ID {
		t.Errorf("got %+v", list)
	}
}

func TestAnExecutionThatNoEngineCouldBeToldOfIsRecorded(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.must(s.broker.Close())
	x := s.execute(function, `, "sync": false`, 201)
	recorded, err := s.store.Execution(t.Context(), faas.AnyProject(), x.ID)
	s.must(err)
	if recorded.Status != faas.ExecutionQueued {
		t.Errorf("got %+v", recorded)
	}
}

func TestCallsThatDidNotBeginLeaveNoRecord(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	for _, c := range []struct {
		err    error
		status int
		retry  string
	}{
		{&faas.Error{Kind: faas.Busy, Message: "busy", RetryAfter: 1500 * time.Millisecond}, 429, "2"},
		{faas.Errorf(faas.Unavailable, "no pool"), 503, ""},
		{context.DeadlineExceeded, 500, ""},
	} {
		s.answer(func(context.Context, faas.Target, faas.Call, dispatch.Begin) (faas.Outcome, error) {
			return faas.Outcome{}, c.err
		})
		s.refuse(
			t,
			[]bad{
				{
					c.err.Error(),
					testRequest{method: "POST", path: "/v1/executions", body: `{"function_id": "` + function + `"}`},
					c.status,
					"",
				},
			},
		)
		if got := s.send(testRequest{method: "POST", path: "/v1/executions", body: `{"function_id": "` + function + `"}`}); got.header.Get(
			"Retry-After",
		) != c.retry {
			t.Errorf("Retry-After %q, want %q", got.header.Get("Retry-After"), c.retry)
		}
	}
}

func TestCallsThatBeganAreRecordedHoweverTheyEnd(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	lost := "The worker was lost while the function ran; the function may have run."
	for _, c := range []struct {
		err    error
		status int
		output string
	}{
		{faas.Errorf(faas.Internal, "%s", lost), 201, lost},
		{context.DeadlineExceeded, 201, "The service failed to run the function."},
		{faas.Errorf(faas.Busy, "gone busy"), 429, "gone busy"},
		{faas.Errorf(faas.Unavailable, "gone"), 503, "gone"},
	} {
		id := make(chan string, 1)
		s.answer(func(ctx context.Context, _ faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
			id <- call.ExecutionID
			s.must(begin(ctx))
			return faas.Outcome{}, c.err
		})
		s.do("POST", "/v1/executions", `{"function_id": "`+function+`"}`, c.status)
		x, err := s.store.Execution(t.Context(), faas.AnyProject(), <-id)
		s.must(err)
		if x.Status != faas.ExecutionError || !strings.Contains(x.Result, c.output) {
			t.Errorf("%v: recorded %+v", c.err, x)
		}
	}
}

func TestTheRecordOutlivesItsCaller(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	running, gone := make(chan string, 1), make(chan struct{})
	ended := make(chan struct{})
	s.answer(func(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		defer close(ended)
		if err := begin(ctx); err != nil {
			return faas.Outcome{}, err
		}
		running <- call.ExecutionID
		<-gone
		<-ctx.Done() // the caller hung up
		return faas.Outcome{Status: faas.ExecutionSuccess, Output: faas.TextOutput("done")}, nil
	})
	ctx, hangUp := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(
		ctx,
		http.MethodPost,
		s.server.URL+"/v1/executions",
		strings.NewReader(`{"function_id": "`+function+`"}`),
	)
	s.must(err)
	answered := make(chan error, 1)
	go func() {
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			answer.Body.Close()
		}
		answered <- err
	}()
	id := await(t, running)
	hangUp()
	if err := await(t, answered); err == nil {
		t.Error("the caller was answered")
	}
	close(gone)
	await(t, ended)
	for deadline := time.Now().Add(hangTimeout); ; {
		x, err := s.store.Execution(t.Context(), faas.AnyProject(), id)
		if err == nil && x.Status == faas.ExecutionSuccess {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("recorded as %s: %v", x.Status, err)
		}
	}
}

func TestTheLeaseCoversTheCall(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.answer(func(ctx context.Context, _ faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		s.must(begin(ctx))
		lost, err := s.store.RenewLeases(ctx, "test", []string{call.ExecutionID}, time.Hour)
		if err != nil || len(lost) > 0 {
			t.Errorf("the execution is not this process's: %v %v", lost, err)
		}
		return faas.Outcome{Status: faas.ExecutionSuccess, Output: faas.TextOutput("")}, nil
	})
	s.execute(function, "", 201)
}

package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
)

var knowsCancelled = map[string]string{request.MicroversionHeader: "function-engine 1.7"}

// cancel sends the request of the identity, "" for project's admin.
func (s *service) cancel(id, identity string, want int) reply {
	s.t.Helper()
	got := s.send(testRequest{
		method: "POST", path: "/v1/executions/" + id + "/cancel", header: knowsCancelled, identity: identity,
	})
	if got.status != want {
		s.t.Fatalf("cancel %s: %d %s, want %d", id, got.status, got.body, want)
	}
	return got
}

// cancellations are the executions that everybody is told of.
func (s *service) cancellations() <-chan string {
	s.t.Helper()
	ids := make(chan string, 10)
	_, err := s.broker.Subscribe(context.Background(), faas.TopicCancelled, func(body []byte) {
		var c faas.Cancellation
		if json.Unmarshal(body, &c) == nil {
			ids <- c.ExecutionID
		}
	})
	s.must(err)
	return ids
}

// seen returns the status of an execution, as its record and as the only one with that status, to
// those who know that executions are cancelled and to all others.
func (s *service) seen(id string) (now, before string) {
	s.t.Helper()
	read := func(header map[string]string) string {
		var x executionView
		s.send(testRequest{method: "GET", path: "/v1/executions/" + id, header: header}).decode(s.t, &x)
		var page struct{ Executions []executionView }
		s.send(testRequest{method: "GET", path: "/v1/executions?status=" + x.Status, header: header}).decode(s.t, &page)
		if len(page.Executions) != 1 || page.Executions[0].ID != id || page.Executions[0].Status != x.Status {
			s.t.Errorf("with the status %s are listed %+v", x.Status, page.Executions)
		}
		return x.Status
	}
	return read(knowsCancelled), read(nil)
}

func TestCancelQueued(t *testing.T) {
	var heard told
	s := newService(t, withQuotas, func(c *Config) { c.Notify = &notify.Notifier{Publisher: "faas-api.test"} })
	ids := s.cancellations()
	x := s.execute(s.newFunction(s.newRuntime(), "f").ID, `, "sync": false`, 201)
	if used := s.used()[faas.ResourceQueued].Used; used != 1 {
		t.Errorf("%d are queued", used)
	}
	s.do("POST", "/v1/executions/"+x.ID+"/cancel", "", 404) // what came with 1.7 is not there before
	var got executionView
	s.cancel(x.ID, "", 202).decode(t, &got)
	if got.ID != x.ID || got.Status != "cancelled" || *got.Result != `{"duration":0,"output":"The execution was cancelled."}` ||
		got.UpdatedAt == nil {
		t.Errorf("got %+v", got)
	}
	if now, before := s.seen(x.ID); now != "cancelled" || before != "error" {
		t.Errorf("seen as %s, and as %s by others", now, before)
	}
	if used := s.used()[faas.ResourceQueued].Used; used != 0 {
		t.Errorf("%d are queued", used)
	}
	if body := string(s.cancel(x.ID, "", 409).body); !strings.Contains(body, "has ended with the status cancelled") {
		t.Errorf("cancelled again: %s", body)
	}
	s.cancel(unknownID, "", 404)
	s.cancel("no-id", "", 400)
	kinds, events := heard.kinds(s)
	if last := len(kinds) - 1; kinds[last] != notify.ExecutionCancel || events[last].Payload["status"] != "cancelled" ||
		events[last].Payload["execution_id"] != x.ID || events[last].Payload["gb_seconds"] != 0.0 {
		t.Errorf("told %v, %+v", kinds, events)
	}
	if text := s.metricsText(); !strings.Contains(text, `faas_api_cancellations_total{was="queued"} 1`) {
		t.Errorf("counted: %s", text)
	}
	if len(ids) != 0 {
		t.Error("everybody is told of an execution that nobody runs")
	}
	s.do("DELETE", "/v1/executions/"+x.ID, "", 204)
}

// TestCancelRunning cancels a synchronous execution. Its caller is answered what was recorded,
// whatever came of the call.
func TestCancelRunning(t *testing.T) {
	for name, end := range map[string]struct {
		out faas.Outcome
		err error
	}{
		"it was ended":      {out: faas.Outcome{Status: faas.ExecutionCancelled, Output: faas.TextOutput("x"), Log: "so far"}},
		"it came to an end": {out: faas.Outcome{Status: faas.ExecutionSuccess, Output: faas.TextOutput("x"), Log: "so far"}},
		"it was not sent":   {err: faas.Errorf(faas.Conflict, "x").WithCause(dispatch.ErrCancelled)},
		"no worker was had": {err: faas.Errorf(faas.Unavailable, "x")},
	} {
		t.Run(name, func(t *testing.T) {
			var heard told
			s := newService(t, func(c *Config) { c.Notify = &notify.Notifier{Publisher: "faas-api.test"} })
			ids := s.cancellations()
			function := s.newFunction(s.newRuntime(), "f").ID
			running := make(chan string, 1)
			s.answer(func(ctx context.Context, _ faas.Target, c faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
				s.must(begin(ctx))
				running <- c.ExecutionID
				<-ids // as a dispatcher hears of it
				return end.out, end.err
			})
			answer := make(chan executionView, 1)
			go func() { answer <- s.execute(function, "", 201) }()
			id := <-running
			var got executionView
			s.cancel(id, "", 202).decode(t, &got)
			x := <-answer
			if x.ID != id || x.Status != "error" || *x.Result != *got.Result || got.Status != "cancelled" {
				t.Errorf("the caller is answered %+v; the record is %+v", x, got)
			}
			if now, before := s.seen(id); now != "cancelled" || before != "error" {
				t.Errorf("seen as %s, and as %s by others", now, before)
			}
			if log := string(s.do("GET", "/v1/executions/"+id+"/log", "", 200).body); log != end.out.Log {
				t.Errorf("the log is %q", log)
			}
			kinds, events := heard.kinds(s)
			if last := len(kinds) - 1; kinds[last] != notify.ExecutionEnd || events[last].Payload["status"] != "cancelled" ||
				events[last].Payload["duration"].(float64) <= 0 {
				t.Errorf("told %v, %+v", kinds, events)
			}
			text := s.metricsText()
			for _, line := range []string{
				`faas_api_cancellations_total{was="running"} 1`, `faas_api_executions_total{status="cancelled"} 1`,
			} {
				if !strings.Contains(text, line) {
					t.Errorf("%s is not in %s", line, text)
				}
			}
		})
	}
}

// TestCancelOfOthers has another project's admin and member, and a reader, try.
func TestCancelOfOthers(t *testing.T) {
	s := newService(t)
	x := s.execute(s.newFunction(s.newRuntime(), "f").ID, `, "sync": false`, 201)
	s.cancel(x.ID, "p-two admin", 403)
	s.cancel(x.ID, "p-two member", 404)
	s.cancel(x.ID, project+" reader", 403)
	if now, _ := s.seen(x.ID); now != "running" {
		t.Errorf("it is %s", now)
	}
	s.cancel(x.ID, project+" member", 202)
}

// TestDeletedFunctionCancels answers the caller of a function that is deleted under its call.
func TestDeletedFunctionCancels(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	gone := func(begun bool) dispatch.Call {
		return func(ctx context.Context, _ faas.Target, _ faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
			err := faas.Errorf(faas.NotFound, faas.OutputDeleted).WithCause(dispatch.ErrCancelled)
			if !begun {
				return faas.Outcome{}, err
			}
			s.must(begin(ctx))
			return dispatch.CancelledOutcome(err), nil
		}
	}
	s.answer(gone(true))
	x := s.execute(function, "", 201)
	if now, before := s.seen(x.ID); now != "cancelled" || before != "error" || !strings.Contains(*x.Result, faas.OutputDeleted) {
		t.Errorf("seen as %s, and as %s by others: %+v", now, before, x)
	}
	s.answer(gone(false))
	s.do("POST", "/v1/executions", `{"function_id": "`+function+`"}`, 404)
}

package api

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

func TestVersionsAndHealth(t *testing.T) {
	file := filepath.Join(t.TempDir(), "disable")
	s := newService(t, func(c *Config) { c.DisableByFile = file; c.PublicEndpoint = "https://cloud:7070" })
	var list struct{ Versions []version }
	s.do("GET", "/", "", 200).decode(t, &list)
	if len(list.Versions) != 1 || list.Versions[0].ID != "v1.0" ||
		list.Versions[0].Links[0].Href != "https://cloud:7070/v1" {
		t.Errorf("got %+v", list)
	}
	s.do("GET", "/v1", "", 200)
	if got := s.do("GET", "/healthcheck", "", 200); string(got.body) != "OK" {
		t.Errorf("got %s", got.body)
	}
	s.must(os.WriteFile(file, nil, 0o600))
	if got := s.do("GET", "/healthcheck", "", 503); string(got.body) != "DISABLED BY FILE" {
		t.Errorf("got %s", got.body)
	}
	var detail healthReport
	s.do("GET", "/healthcheck?detailed", "", 503).decode(t, &detail)
	if len(detail.Reasons) != 3 || detail.Reasons[1].Reason != "DISABLED BY FILE" || detail.Reasons[2].Reason != "OK" {
		t.Errorf("got %+v", detail)
	}
	s.must(os.Remove(file))
	got := s.send(testRequest{method: "GET", path: "/healthcheck", header: map[string]string{"Accept": "application/json"}})
	if got.status != 200 || !strings.Contains(string(got.body), `"class":"database"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.must(s.store.Close())
	s.do("GET", "/healthcheck", "", 503)
}

// TestDraining is a process that is about to end: it serves all that comes and asks nobody to come
// again.
func TestDraining(t *testing.T) {
	s := newService(t)
	if got := s.do("GET", "/v1/functions", "", 200); got.last {
		t.Error("a connection is closed before its time")
	}
	s.api.Drain()
	if got := s.do("GET", "/healthcheck", "", 503); string(got.body) != "ENDING" {
		t.Errorf("got %s", got.body)
	}
	if got := s.do("GET", "/v1/functions", "", 200); !got.last {
		t.Error("a connection is kept")
	}
}

// metricsText returns what Prometheus is told.
func (s *service) metricsText() string {
	s.t.Helper()
	answer := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(s.t.Context(), "GET", "/metrics", nil)
	promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{}).ServeHTTP(answer, request)
	return answer.Body.String()
}

func TestMetrics(t *testing.T) {
	s := newService(t)
	s.do("GET", "/v1/functions/"+unknownID, "", 404)
	s.do("GET", "/nowhere/at/all", "", 404)
	s.do("GET", "/metrics", "", 404) // the status port has them, see cmd/internal/service
	s.send(testRequest{method: "BREW", path: "/v1/functions"})
	text := s.metricsText()
	for _, want := range []string{
		`faas_api_requests_total{method="GET",route="/v1/functions/{id}",status="404"} 1`,
		`faas_api_requests_total{method="GET",route="none",status="404"} 2`,
		`faas_api_requests_total{method="other",route="/v1/functions",status="405"} 1`,
		`faas_api_request_duration_seconds_count{method="GET",route="/v1/functions/{id}"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, unknownID) || strings.Contains(text, "nowhere") {
		t.Error("a path that a caller chose became a label")
	}
}

func TestRequestIDs(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	global := "req-" + unknownID
	got := s.send(
		testRequest{
			method: "POST",
			path:   "/v1/executions",
			body:   `{"function_id": "` + function + `"}`,
			header: map[string]string{"X-OpenStack-Request-ID": global},
		},
	)
	var x executionView
	got.decode(t, &x)
	recorded, err := s.store.Execution(t.Context(), faas.AnyProject(), x.ID)
	s.must(err)
	ours := got.header.Get("X-Openstack-Request-Id")
	if recorded.RequestID != global || ours == global || recorded.UserID != "u" {
		t.Errorf("recorded %+v, answered %s", recorded, ours)
	}
	for _, want := range []string{"request_id=" + ours, "global_request_id=" + global, "project_id=" + project, "user_id=u", "execution_id=" + x.ID, "status=201"} {
		if !strings.Contains(s.logs.String(), want) {
			t.Errorf("%s is not in the log", want)
		}
	}
	s.send(testRequest{method: "GET", path: "/v1/functions", header: map[string]string{"X-OpenStack-Request-ID": "req-evil"}})
	if strings.Contains(s.logs.String(), "evil") {
		t.Error("an id of another form is in the log")
	}
}

func TestPanicsAreAnswered(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.answer(func(context.Context, faas.Target, faas.Call, dispatch.Begin) (faas.Outcome, error) { panic("secret") })
	got := s.do("POST", "/v1/executions", `{"function_id": "`+function+`"}`, 500)
	if strings.Contains(string(got.body), "secret") ||
		!strings.Contains(got.fault(), got.header.Get("X-Openstack-Request-Id")) {
		t.Errorf("%s", got.body)
	}
	if !strings.Contains(s.logs.String(), "panic=secret") {
		t.Error("the log does not know of the panic")
	}
}

func TestProjectsAreApart(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	function := s.newFunction(runtime, "f").ID
	execution := s.execute(function, "", 201).ID
	private, err := s.store.CreateRuntime(
		t.Context(), faas.Runtime{ProjectID: project, Image: "python3", Status: faas.RuntimeAvailable},
	)
	s.must(err)
	const stranger, reader, admin = "p-two member reader", project + " reader", "p-two admin"
	for _, c := range []struct {
		method, path, body, identity string
		status                       int
	}{
		{"GET", "/v1/functions", "", "none", 401},
		{"GET", "/v1/functions", "", "p-two", 403},
		{"GET", "/v1/functions/" + function, "", stranger, 404},
		{"GET", "/v1/functions/" + function + "?download=true", "", stranger, 404},
		{"PUT", "/v1/functions/" + function, `{"name": "x"}`, stranger, 404},
		{"DELETE", "/v1/functions/" + function, "", stranger, 404},
		{"POST", "/v1/executions", `{"function_id": "` + function + `"}`, stranger, 404},
		{"GET", "/v1/executions/" + execution, "", stranger, 404},
		{"GET", "/v1/executions/" + execution + "/log", "", stranger, 404},
		{"DELETE", "/v1/executions/" + execution, "", stranger, 404},
		{"GET", "/v1/runtimes/" + runtime, "", stranger, 200},
		{"GET", "/v1/runtimes/" + private.ID, "", stranger, 404},
		{"POST", "/v1/runtimes", `{"image": "python3"}`, stranger, 403},
		{"PUT", "/v1/runtimes/" + runtime, `{"name": "x"}`, stranger, 403},
		{"DELETE", "/v1/runtimes/" + runtime, "", admin, 409}, // the cloud's, and in use
		{"GET", "/v1/runtimes/" + runtime + "/pool", "", stranger, 403},
		{"GET", "/v1/functions?all_projects=true", "", stranger, 403},
		{"GET", "/v1/functions?project_id=" + project, "", stranger, 403},
		{"GET", "/v1/functions?project_id=" + strings.Repeat("a", 65), "", stranger, 400},
		{"GET", "/v1/executions?all_projects=true", "", stranger, 403},
		{"GET", "/v1/functions/" + unknownID, "", "p-two", 403},
		{"GET", "/v1/functions/" + function, "", reader, 200},
		{"DELETE", "/v1/functions/" + function, "", reader, 403},
		{"POST", "/v1/executions", `{"function_id": "` + function + `"}`, reader, 403},
	} {
		got := s.send(testRequest{method: c.method, path: c.path, body: c.body, identity: c.identity})
		if got.status != c.status {
			t.Errorf("%s %s as %s: %d %s, want %d", c.method, c.path, c.identity, got.status, got.body, c.status)
		}
		if c.status == 403 && !strings.Contains(got.fault(), "Operation not allowed") {
			t.Errorf("refused with %s", got.body)
		}
	}
	for path, want := range map[string]int{
		"/v1/functions": 0, "/v1/functions?all_projects=true": 1, "/v1/functions?project_id=" + project: 1, "/v1/functions?project_id=p-two": 0,
		"/v1/functions?all_projects=true&project_id=" + project: 1,
	} {
		var list struct{ Functions []functionView }
		got := s.send(testRequest{method: "GET", path: path, identity: admin})
		got.decode(t, &list)
		if got.status != 200 || len(list.Functions) != want {
			t.Errorf("%s: %d %s, want %d", path, got.status, got.body, want)
		}
	}
}

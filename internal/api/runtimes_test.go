package api

import (
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

func TestRuntimeLifecycle(t *testing.T) {
	s := newService(t)
	id := s.newRuntime()
	var got runtimeView
	s.do("GET", "/v1/runtimes/"+id, "", 200).decode(t, &got)
	if got.Image != "python3" || *got.Name != "python3" || got.Description != nil || !got.IsPublic || !got.Trusted ||
		got.Status != "available" ||
		got.ProjectID != project {
		t.Errorf("got %+v", got)
	}
	s.do("PUT", "/v1/runtimes/"+strings.ToUpper(id), `{"name": "python", "description": "d", "image": null}`, 200).
		decode(t, &got)
	if *got.Name != "python" || *got.Description != "d" || got.Image != "python3" || got.Status != "available" ||
		got.UpdatedAt == nil {
		t.Errorf("got %+v", got)
	}
	s.do("PUT", "/v1/runtimes/"+id, `{"image": "python3:new"}`, 200).decode(t, &got)
	if got.Image != "python3:new" || got.Status != "upgrading" {
		t.Errorf("got %+v", got)
	}
	var pool poolView
	s.do("GET", "/v1/runtimes/"+id+"/pool", "", 200).decode(t, &pool)
	if pool.Name != id || pool.Capacity.Total != 3 || pool.Capacity.Available != 2 {
		t.Errorf("got %+v", pool)
	}
	gone := s.do("DELETE", "/v1/runtimes/"+id, "", 204)
	if len(gone.body) > 0 {
		t.Errorf("204 with %s", gone.body)
	}
	s.do("GET", "/v1/runtimes/"+id, "", 404)
}

// TestRuntimeContents shows what a runtime has to those who know of it.
func TestRuntimeContents(t *testing.T) {
	s := newService(t)
	id := s.newRuntime()
	show := func(path, version string) string {
		t.Helper()
		got := s.send(testRequest{method: "GET", path: path, header: map[string]string{request.MicroversionHeader: "function-engine " + version}})
		if got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return string(got.body)
	}
	for _, want := range []string{
		`"interpreter":null,"modules":null`,
		`"interpreter":"Python 3.11.2","modules":[{"name":"requests","version":"2.28.1"},{"name":"six","version":null}]`,
		`"interpreter":"Node.js 20.1.0","modules":[]`,
	} {
		interpreter, modules, _ := strings.Cut(strings.TrimPrefix(want, `"interpreter":`), `,"modules":`)
		if interpreter != "null" {
			s.must(s.store.SetRuntimeContents(t.Context(), id, strings.Trim(interpreter, `"`), modules))
		}
		for _, path := range []string{"/v1/runtimes/" + id, "/v1/runtimes"} {
			if body := show(path, "1.9"); !strings.Contains(body, want) {
				t.Errorf("%s shows %s, want %s", path, body, want)
			}
			if body := show(path, "1.8"); strings.Contains(body, "interpreter") || strings.Contains(body, "modules") {
				t.Errorf("%s of 1.8 shows %s", path, body)
			}
		}
	}
}

// TestPlacementOfRuntimes sets where a runtime's workers may be, for those who know of it.
func TestPlacementOfRuntimes(t *testing.T) {
	s := newService(t)
	send := func(method, path, version, body string, status int) string {
		t.Helper()
		got := s.send(testRequest{method: method, path: path, body: body,
			header: map[string]string{request.MicroversionHeader: "function-engine " + version}})
		if got.status != status {
			t.Fatalf("%s %s: %d %s", method, body, got.status, got.body)
		}
		return string(got.body)
	}
	body := send("POST", "/v1/runtimes", "1.12", `{"image": "python3", "placement": {"zone": "a", "gpu": "yes"}}`, 201)
	if !strings.Contains(body, `"placement":{"gpu":"yes","zone":"a"}`) {
		t.Errorf("made %s", body)
	}
	id := s.newRuntime()
	if body := send("GET", "/v1/runtimes/"+id, "1.12", "", 200); !strings.Contains(body, `"placement":{}`) {
		t.Errorf("of one that may be anywhere: %s", body)
	}
	body = send("PUT", "/v1/runtimes/"+id, "1.12", `{"placement": {"zone": "b"}}`, 200)
	if !strings.Contains(body, `"placement":{"zone":"b"}`) || !strings.Contains(body, `"status":"upgrading"`) {
		t.Errorf("placed elsewhere: %s", body)
	}
	for _, path := range []string{"/v1/runtimes/" + id, "/v1/runtimes"} {
		if body := send("GET", path, "1.11", "", 200); strings.Contains(body, "placement") {
			t.Errorf("%s of 1.11 shows %s", path, body)
		}
	}
	for _, wrong := range []string{
		`"a"`, `["zone"]`, `{"zone": 1}`, `{"zone": ""}`, `{"zone": "a,b"}`, `{"zone": null}`,
	} {
		send("POST", "/v1/runtimes", "1.12", `{"image": "python3", "placement": `+wrong+`}`, 400)
	}
	send("POST", "/v1/runtimes", "1.11", `{"image": "python3", "placement": {}}`, 400)
}

func TestRuntimeThatIsNotReadyKeepsItsImage(t *testing.T) {
	s := newService(t)
	r, err := s.store.CreateRuntime(
		t.Context(), faas.Runtime{ProjectID: project, Image: "python3", Status: faas.RuntimeCreating},
	)
	s.must(err)
	got := s.send(testRequest{method: "PUT", path: "/v1/runtimes/" + r.ID, body: `{"image": "nodejs"}`})
	if got.status != 409 || !strings.Contains(got.fault(), "is creating") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestRuntimeInUseStays(t *testing.T) {
	s := newService(t)
	id := s.newRuntime()
	s.newFunction(id, "f")
	got := s.do("DELETE", "/v1/runtimes/"+id, "", 409)
	if !strings.Contains(got.fault(), "in use") {
		t.Errorf("%s", got.body)
	}
}

func TestRuntimeWhenTheEngineCannotBeTold(t *testing.T) {
	s := newService(t)
	s.must(s.broker.Close())
	var got runtimeView
	s.do("POST", "/v1/runtimes", `{"image": "python3"}`, 201).decode(t, &got)
	if got.Status != "error" || !strings.Contains(*got.StatusReason, "could be told") {
		t.Errorf("got %+v: %s", got, *got.StatusReason)
	}
	s.do("GET", "/v1/runtimes/"+got.ID+"/pool", "", 503)
}

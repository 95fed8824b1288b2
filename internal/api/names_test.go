package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

var v16Header = map[string]string{request.MicroversionHeader: request.ServiceType + " 1.6"}

// named sends a request of the microversion that has names.
func (s *service) named(method, path, body string, want int) reply {
	s.t.Helper()
	got := s.send(testRequest{method: method, path: path, body: body, header: v16Header})
	if got.status != want {
		s.t.Errorf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.body, want)
	}
	return got
}

// TestNamesInPlaceOfIDs calls everything that takes an id by a name.
func TestNamesInPlaceOfIDs(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	f := s.newFunction(runtime, "hello ü").ID
	name := url.PathEscape("hello ü")
	var got struct {
		ID            string
		FunctionID    string `json:"function_id"`
		RuntimeID     string `json:"runtime_id"`
		VersionNumber int    `json:"version_number"`
		Deleted       int
	}
	is := func(answer reply, want, have func() string) {
		t.Helper()
		answer.decode(t, &got)
		if want() != have() {
			t.Errorf("%s, want %s", answer.body, want())
		}
	}
	id, functionID := func() string { return got.ID }, func() string { return got.FunctionID }
	theFunction := func() string { return f }

	is(s.named("PUT", "/v1/runtimes/"+runtime, `{"name": "python"}`, 200), func() string { return runtime }, id)
	is(s.named("GET", "/v1/runtimes/python", "", 200), func() string { return runtime }, id)
	s.named("GET", "/v1/runtimes/python/pool", "", 200)
	body, contentType := formOf(t, field{"runtime_id", "python"}, field{"name", "second"},
		field{"code", `{"source":"package"}`}, field{"package", zipOf(t, "main.py", "def main(): pass")})
	answer := s.send(testRequest{
		method: "POST", path: "/v1/functions", body: body, contentType: contentType, header: v16Header,
	})
	is(answer, func() string { return runtime }, func() string { return got.RuntimeID })

	is(s.named("GET", "/v1/functions/"+name, "", 200), theFunction, id)
	is(s.named("PUT", "/v1/functions/"+name, `{"description": "x"}`, 200), theFunction, id)
	is(s.named("POST", "/v1/functions/"+name+"/versions", `{}`, 201), theFunction, functionID)
	s.named("GET", "/v1/functions/"+name+"/versions", "", 200)
	is(s.named("GET", "/v1/functions/"+name+"/versions/1", "", 200), theFunction, functionID)
	is(s.named("POST", "/v1/executions", `{"function_id": "hello ü"}`, 201), theFunction, functionID)
	is(s.named("POST", "/v1/aliases", `{"name": "live", "function_id": "second"}`, 201), functionID, functionID)
	is(s.named("PUT", "/v1/aliases/live", `{"function_id": "hello ü"}`, 200), theFunction, functionID)
	nightly := `{"function_id": "hello ü", "name": "nightly", "pattern": "0 3 * * *"}`
	is(s.named("POST", "/v1/jobs", nightly, 201), theFunction, functionID)
	job := got.ID
	is(s.named("GET", "/v1/jobs/nightly", "", 200), func() string { return job }, id)
	is(s.named("PUT", "/v1/jobs/nightly", `{"status": "paused"}`, 200), func() string { return job }, id)
	is(s.named("POST", "/v1/webhooks", `{"function_id": "second"}`, 201), functionID, functionID)
	is(s.named("PUT", "/v1/webhooks/"+got.ID, `{"function_id": "hello ü"}`, 200), theFunction, functionID)
	s.named("DELETE", "/v1/webhooks/"+got.ID, "", 204)
	s.named("DELETE", "/v1/jobs/nightly", "", 204)
	s.named("DELETE", "/v1/aliases/live", "", 204)
	is(s.named("DELETE", "/v1/executions?function_id="+url.QueryEscape("hello ü"), "", 200),
		func() string { return "1" }, func() string { return fmt.Sprint(got.Deleted) })
	s.named("DELETE", "/v1/functions/"+name+"/versions/1", "", 204)
	s.named("DELETE", "/v1/functions/"+name, "", 204)
	s.named("DELETE", "/v1/functions/second", "", 204)
	s.named("DELETE", "/v1/runtimes/python", "", 204)
}

// TestNamesThatSeveralHave has names that do not say which thing is meant.
func TestNamesThatSeveralHave(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	var want []faas.Named
	for range 2 {
		want = append(want, faas.Named{ID: s.newFunction(runtime, "twice").ID, Name: "twice"})
	}
	for _, answer := range []reply{
		s.named("GET", "/v1/functions/twice", "", 409),
		s.named("DELETE", "/v1/functions/twice", "", 409),
		s.named("POST", "/v1/executions", `{"function_id": "twice"}`, 409),
		s.named("POST", "/v1/jobs", `{"function_id": "twice", "pattern": "0 3 * * *"}`, 409),
	} {
		var fault struct {
			Errors []struct{ Candidates []faas.Named }
		}
		err := json.Unmarshal(answer.body, &fault)
		if err != nil || len(fault.Errors) != 1 || !slices.Equal(fault.Errors[0].Candidates, want) {
			t.Errorf("%s, want the candidates %v", answer.body, want)
		}
		text := `There are 2 functions with the name "twice"; say by its id which is meant: ` +
			want[0].ID + ", " + want[1].ID + "."
		if answer.fault() != text {
			t.Errorf("%s, want %s", answer.fault(), text)
		}
	}
	for range faas.MaxNamed {
		s.newFunction(runtime, "twice")
	}
	text := s.named("GET", "/v1/functions/twice", "", 409).fault()
	if !strings.HasPrefix(text, "There are more than 10 functions") {
		t.Error(text)
	}
	public := `{"image": "nodejs", "name": "lang", "is_public": true}`
	another := s.send(testRequest{method: "POST", path: "/v1/runtimes", body: public, identity: "p-two admin"})
	if another.status != 201 {
		t.Fatalf("%d %s", another.status, another.body)
	}
	s.do("POST", "/v1/runtimes", `{"image": "nodejs", "name": "lang", "is_public": false}`, 201)
	s.named("GET", "/v1/runtimes/lang", "", 409) // one is the project's, and one public
}

// TestWhatNamesAreNot has what must not be taken for a name, or not be found by one.
func TestWhatNamesAreNot(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	f := s.newFunction(runtime, "mine")
	s.newFunction(runtime, f.ID) // its name is the other's id
	s.named("PUT", "/v1/runtimes/"+runtime, `{"name": "python"}`, 200)

	var got functionView
	s.named("GET", "/v1/functions/"+strings.ToUpper(f.ID), "", 200).decode(t, &got)
	if got.ID != f.ID {
		t.Errorf("an id is taken for the name of %s", got.ID)
	}
	for _, text := range []string{
		"MINE", "min", "mine%20", "%25", "_ine", "mine'%20OR%20''='", "';%20DROP%20TABLE%20functions;--",
	} {
		s.named("GET", "/v1/functions/"+text, "", 404)
	}
	for _, text := range []string{strings.Repeat("x", 256), "%00", "a%00b", "%ff"} {
		s.named("GET", "/v1/functions/"+text, "", 400)
	}
	s.named("GET", "/v1/functions/"+strings.Repeat("x", 255), "", 404)
	s.named("POST", "/v1/executions", `{"function_id": 1}`, 400)
	s.named("POST", "/v1/executions", `{"function_id": "`+strings.Repeat("x", 256)+`"}`, 400)
	s.named("GET", "/v1/executions/mine", "", 400) // no execution has a name
	body, contentType := formOf(t, field{"runtime_id", "nothing"}, field{"code", `{"source":"package"}`},
		field{"package", zipOf(t, "main.py", "def main(): pass")})
	answer := s.send(testRequest{
		method: "POST", path: "/v1/functions", body: body, contentType: contentType, header: v16Header,
	})
	if answer.status != 400 || !strings.Contains(answer.fault(), `runtime_id: Runtime "nothing" not found.`) {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	for _, stranger := range []string{"p-two member", "p-two admin"} { // names are a project's, whoever asks
		for _, r := range []testRequest{
			{method: "GET", path: "/v1/functions/mine"},
			{method: "DELETE", path: "/v1/functions/mine"},
			{method: "POST", path: "/v1/executions", body: `{"function_id": "mine"}`},
		} {
			r.identity, r.header = stranger, v16Header
			if got := s.send(r); got.status != 404 {
				t.Errorf("%s %s as %s: %d %s", r.method, r.path, stranger, got.status, got.body)
			}
		}
	}
	for _, r := range []testRequest{ // as ever
		{method: "GET", path: "/v1/functions/mine"},
		{method: "POST", path: "/v1/executions", body: `{"function_id": "mine"}`},
		{method: "GET", path: "/v1/runtimes/python"},
	} {
		if got := s.send(r); got.status != 400 || !strings.Contains(got.fault(), "must be a UUID; it is") {
			t.Errorf("%s %s without the microversion: %d %s", r.method, r.path, got.status, got.body)
		}
	}
}

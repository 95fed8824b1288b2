package api

import (
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

func TestAliasLifecycle(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.newVersion(function)
	var made, got aliasView
	answer := s.do("POST", "/v1/aliases", `{"name": "live", "function_id": "`+function+
		`", "function_version": "1", "description": null}`, 201)
	answer.decode(t, &made)
	if made.Name != "live" || made.FunctionID != function || made.FunctionVersion != 1 || made.Description != nil ||
		made.ProjectID != project || made.CreatedAt == nil || made.UpdatedAt != nil {
		t.Errorf("made %+v", made)
	}
	if strings.Contains(string(answer.body), "canary") {
		t.Errorf("microversion 1.0 shows a canary: %s", answer.body)
	}
	s.do("PUT", "/v1/aliases/live", `{"function_id": null, "function_version": 0, "description": "d"}`, 200).decode(t, &got)
	if got.FunctionVersion != 0 || *got.Description != "d" || got.FunctionID != function || got.UpdatedAt == nil {
		t.Errorf("moved %+v", got)
	}
	s.do("GET", "/v1/aliases/live", "", 200).decode(t, &got)
	if got.ID != made.ID || got.FunctionVersion != 0 {
		t.Errorf("got %+v", got)
	}
	s.do("POST", "/v1/aliases", `{"name": "ä name", "function_id": "`+function+`"}`, 201)
	s.do("GET", "/v1/aliases/%C3%A4%20name", "", 200).decode(t, &got)
	if got.Name != "ä name" || got.FunctionVersion != 0 {
		t.Errorf("got %+v", got)
	}
	var list struct {
		Aliases []aliasView `json:"function_aliases"`
	}
	s.do("GET", "/v1/aliases?name=live", "", 200).decode(t, &list)
	if len(list.Aliases) != 1 || list.Aliases[0].ID != made.ID {
		t.Errorf("listed %+v", list)
	}
	if got := s.do("DELETE", "/v1/functions/"+function, "", 409).fault(); !strings.Contains(got, "aliases live, ä name") {
		t.Errorf("the function's deletion is refused with %q", got)
	}
	s.do("DELETE", "/v1/aliases/live", "", 204)
	s.do("GET", "/v1/aliases/live", "", 404)
}

func TestAliasesAreCalled(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.newVersion(function)
	s.do("POST", "/v1/aliases", `{"name": "live", "function_id": "`+function+`", "function_version": 1}`, 201)
	called := s.targets()
	var x executionView
	s.do("POST", "/v1/executions", `{"function_alias": "live", "input": {"a": 1}}`, 201).decode(t, &x)
	if target := await(t, called); target.Key.Version != 1 || x.FunctionID != function || x.FunctionVersion != 1 ||
		*x.FunctionAlias != "live" || x.Status != "success" {
		t.Errorf("got %+v by %+v", x, target)
	}
	s.do("POST", "/v1/executions", `{"function_alias": "live", "sync": false}`, 201).decode(t, &x)
	await(t, s.queued)
	s.do("PUT", "/v1/aliases/live", `{"function_version": 0}`, 200)
	recorded, err := s.store.Execution(t.Context(), faas.AnyProject(), x.ID)
	if err != nil || recorded.FunctionVersion != 1 || recorded.FunctionAlias != "live" {
		t.Errorf("what was asked for before the move is %+v, %v", recorded, err)
	}
	s.do("POST", "/v1/executions", `{"function_alias": "live"}`, 201).decode(t, &x)
	if target := await(t, called); target.Key.Version != 0 || x.FunctionVersion != 0 {
		t.Errorf("after the move got %+v by %+v", x, target)
	}
}

func TestCanaries(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.newVersion(function)
	ask := func(method, path, body string, want int) (v canaryAliasView) {
		t.Helper()
		got := s.send(testRequest{method: method, path: path, body: body,
			header: map[string]string{request.MicroversionHeader: "function-engine 1.4"}})
		if got.status != want {
			t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
		}
		if want < 300 {
			got.decode(t, &v)
		}
		return v
	}
	v := ask("POST", "/v1/aliases", `{"name": "live", "function_id": "`+function+
		`", "canary_version": "1", "canary_percent": 20}`, 201)
	if v.Name != "live" || v.CanaryVersion == nil || *v.CanaryVersion != 1 || v.CanaryPercent != 20 {
		t.Errorf("made %+v", v)
	}
	called := s.targets()
	canary := 0
	for range 50 {
		s.do("POST", "/v1/executions", `{"function_alias": "live"}`, 201)
		canary += await(t, called).Key.Version
	}
	if canary != 10 {
		t.Errorf("of 50 calls the canary got %d, want 10", canary)
	}
	if v = ask("PUT", "/v1/aliases/live", `{"canary_percent": 0}`, 200); v.CanaryVersion != nil || v.CanaryPercent != 0 {
		t.Errorf("ended: %+v", v)
	}
	ask("PUT", "/v1/aliases/live", `{"canary_version": 1, "canary_percent": 1}`, 200)
	if v = ask("PUT", "/v1/aliases/live", `{"function_version": 1}`, 200); v.CanaryVersion != nil || v.FunctionVersion != 1 {
		t.Errorf("promoted: %+v", v)
	}
	for _, body := range []string{
		`{"canary_version": 1}`, `{"canary_percent": 1}`, `{"canary_version": 1, "canary_percent": 100}`,
		`{"canary_version": 1, "canary_percent": "ten"}`, `{"canary_version": -1, "canary_percent": 1}`,
	} {
		ask("PUT", "/v1/aliases/live", body, 400)
	}
	ask("PUT", "/v1/aliases/live", `{"canary_version": 7, "canary_percent": 1}`, 404)
}

func TestAliasesThatAreRefused(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.do("POST", "/v1/aliases", `{"name": "live", "function_id": "`+function+`"}`, 201)
	post := func(fields string) testRequest {
		return testRequest{method: "POST", path: "/v1/aliases", body: `{` + fields + `}`}
	}
	put := func(body string) testRequest { return testRequest{method: "PUT", path: "/v1/aliases/live", body: body} }
	of := `, "function_id": "` + function + `"`
	s.refuse(t, []bad{
		{"a name that is there", post(`"name": "live"` + of), 409, "The project has a function alias live already"},
		{"no name", post(`"name": null` + of), 400, "name is required"},
		{"a slash", post(`"name": "a/b"` + of), 400, "name must be a single segment of a path"},
		{"dots", post(`"name": ".."` + of), 400, "single segment"},
		{"spaces", post(`"name": " a"` + of), 400, "single segment"},
		{"a long name", post(`"name": "` + strings.Repeat("ä", 256) + `"` + of), 400, "at most 255 characters"},
		{"no function", post(`"name": "a"`), 400, "function_id is required"},
		{"no such function", post(`"name": "a", "function_id": "` + unknownID + `"`), 404, "not found"},
		{"no such version", post(`"name": "a", "function_version": 3` + of), 404, "Version 3 of function"},
		{"a word", post(`"name": "a", "function_version": "latest"` + of), 400, "function_version must be a whole number"},
		{"a canary at 1.0", post(`"name": "a", "canary_percent": 3` + of), 400, `There is no field "canary_percent" here`},
		{"another name", put(`{"name": "b"}`), 400, `There is no field "name" here`},
		{"moved to nothing", put(`{"function_version": 1}`), 404, "Version 1 of function"},
		{"no such alias", testRequest{method: "PUT", path: "/v1/aliases/none", body: `{}`}, 404, "Function alias none can not be found."},
		{"nothing to delete", testRequest{method: "DELETE", path: "/v1/aliases/none"}, 404, "can not be found"},
	})
}

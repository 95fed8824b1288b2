package api

import (
	"context"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// changePackage replaces the package of a function.
func (s *service) changePackage(function, code string) string {
	s.t.Helper()
	pack := zipOf(s.t, "main.py", code)
	body, contentType := formOf(s.t, field{"source", "package"}, field{"package", pack})
	answer := s.send(testRequest{method: "PUT", path: "/v1/functions/" + function, body: body, contentType: contentType})
	if answer.status != 200 {
		s.t.Fatalf("%d %s", answer.status, answer.body)
	}
	await(s.t, s.changed)
	return pack
}

func (s *service) newVersion(function string) (v functionVersionView) {
	s.t.Helper()
	s.do("POST", "/v1/functions/"+function+"/versions", `{"description": null}`, 201).decode(s.t, &v)
	return v
}

// targets has calls answered and what they were for sent to the channel.
func (s *service) targets() chan faas.Target {
	called := make(chan faas.Target, 10)
	s.answer(func(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		called <- target
		return echo(ctx, target, call, begin)
	})
	return called
}

func TestVersionLifecycle(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	path := "/v1/functions/" + function + "/versions"
	first := s.changePackage(function, "def main(): return 1")
	var v functionVersionView
	s.do("POST", path, `{"description": "the first"}`, 201).decode(t, &v)
	if v.VersionNumber != 1 || v.FunctionID != function || *v.Description != "the first" || v.Count != 0 ||
		v.ProjectID != project || v.CreatedAt == nil || v.UpdatedAt != nil {
		t.Errorf("made %+v", v)
	}
	s.changePackage(function, "def main(): return 2")
	if v = s.newVersion(function); v.VersionNumber != 2 || v.Description != nil {
		t.Errorf("made %+v", v)
	}
	var list struct {
		Versions []functionVersionView `json:"function_versions"`
	}
	s.do("GET", path, "", 200).decode(t, &list)
	if len(list.Versions) != 2 || list.Versions[0].VersionNumber != 1 ||
		list.Versions[1].ID != v.ID {
		t.Errorf("listed %+v", list)
	}
	s.do("GET", path+"?version_number=2", "", 200).decode(t, &list)
	if len(list.Versions) != 1 {
		t.Errorf("found %+v", list)
	}
	file := s.do("GET", path+"/1?download=true", "", 200)
	if string(file.body) != first || !strings.Contains(file.header.Get("Content-Disposition"), function+"_1.zip") {
		t.Errorf("%d bytes, %v", len(file.body), file.header)
	}
	var shown functionView
	s.do("GET", "/v1/functions/"+function, "", 200).decode(t, &shown)
	if shown.LatestVersion != 2 {
		t.Errorf("the latest version is %d", shown.LatestVersion)
	}
	s.do("DELETE", path+"/1", "", 204)
	if c := await(t, s.changed); c != (faas.FunctionChanged{FunctionID: function, Version: 1}) {
		t.Errorf("broadcast %+v", c)
	}
	s.do("GET", path+"/1", "", 404)
	s.do("DELETE", "/v1/functions/"+function, "", 204)
	s.do("GET", path+"/2", "", 404)
	s.do("GET", path, "", 404)
}

func TestVersionsAreCalled(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.newVersion(function)
	s.changePackage(function, "def main(): return 2")
	called := s.targets()
	x := s.execute(function, `, "function_version": "1", "input": {"a": 1}`, 201)
	if target := await(t, called); x.FunctionVersion != 1 || x.Status != "success" ||
		target.Key != (faas.Key{FunctionID: function, Version: 1, Revision: 1}) {
		t.Errorf("got %+v by %+v", x, target)
	}
	x = s.execute(function, "", 201)
	if target := await(t, called); x.FunctionVersion != 0 || target.Key.Version != 0 {
		t.Errorf("got %+v by %+v", x, target)
	}
	x = s.execute(function, `, "function_version": 1, "sync": false`, 201)
	if await(t, s.queued) != x.ID || x.FunctionVersion != 1 {
		t.Errorf("queued %+v", x)
	}
	s.execute(function, `, "function_version": 2`, 404)
}

func TestVersionsThatAreRefused(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	path := "/v1/functions/" + function + "/versions"
	s.newVersion(function)
	post := func(path, body string) testRequest { return testRequest{method: "POST", path: path, body: body} }
	s.refuse(t, []bad{
		{"unchanged", post(path, `{}`), 403, "Function " + function + " has not changed since its version 1."},
		{"no body, unchanged", post(path, ""), 403, "has not changed"},
		{"not of this function", post("/v1/functions/"+unknownID+"/versions", `{}`), 404, "not found"},
		{"no id", post("/v1/functions/f/versions", `{}`), 400, "The id in the path must be a UUID"},
		{"a long description", post(path, `{"description": "`+strings.Repeat("ä", 256)+`"}`), 400, "at most 255 characters"},
		{"a number", post(path, `{"description": 1}`), 400, "description must be a string"},
		{"a field", post(path, `{"version_number": 7}`), 400, `There is no field "version_number" here`},
		{"no object", post(path, `[]`), 400, "The body must be a JSON object"},
		{"version 0", testRequest{method: "GET", path: path + "/0"}, 400, "The version in the path must be a number from 1 on"},
		{"a word", testRequest{method: "DELETE", path: path + "/one"}, 400, `it is "one"`},
		{"a large number", testRequest{method: "GET", path: path + "/99999999999999999999"}, 400, "from 1 on"},
		{"no such version", testRequest{method: "GET", path: path + "/2"}, 404, "Version 2 of function " + function},
		{"nothing to delete", testRequest{method: "DELETE", path: path + "/2"}, 404, "can not be found"},
		{"download", testRequest{method: "GET", path: path + "/1?download=maybe"}, 400, "download must be true or false"},
		{"a filter", testRequest{method: "GET", path: path + "?code=x"}, 400, "cannot be filtered by"},
	})
}

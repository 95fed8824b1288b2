package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const unknownID = "5b1e2b1c-9d0f-4f6e-8c55-0f2f4c6a4f11"

// bad is a request that must be refused.
type bad struct {
	name string
	testRequest
	status int
	fault  string // part of the faultstring
}

// contents counts all that a refused request might have left behind.
func (s *service) contents() string {
	s.t.Helper()
	ctx := s.t.Context()
	runtimes, err := s.store.Runtimes(ctx, faas.AnyProject(), faas.Query{})
	s.must(err)
	functions, err := s.store.Functions(ctx, faas.AnyProject(), faas.Query{})
	s.must(err)
	executions, err := s.store.Executions(ctx, faas.AnyProject(), faas.Query{})
	s.must(err)
	packages := 0
	s.must(s.code.List(ctx, func(string, time.Time) error {
		packages++
		return nil
	}))
	return fmt.Sprintf("%+v %+v %+v %d packages", runtimes, functions, executions, packages)
}

// refuse sends each bad request and expects its status and text, and that nothing changed.
func (s *service) refuse(t *testing.T, all []bad) {
	t.Helper()
	before := s.contents()
	for _, b := range all {
		t.Run(b.name, func(t *testing.T) {
			got := s.send(b.testRequest)
			if got.status != b.status || !strings.Contains(got.fault(), b.fault) {
				t.Errorf("%d %s, want %d %s", got.status, got.body, b.status, b.fault)
			}
			if id := got.header.Get("X-Openstack-Request-Id"); !strings.HasPrefix(id, "req-") ||
				!strings.Contains(string(got.body), id) {
				t.Errorf("the request id %q is not in %s", id, got.body)
			}
			if after := s.contents(); after != before {
				t.Errorf("something was written: %s, before %s", after, before)
			}
		})
	}
}

func TestBadPaths(t *testing.T) {
	s := newService(t)
	s.refuse(t, []bad{
		{"unknown path", testRequest{method: "GET", path: "/v2"}, 404, "There is nothing at /v2."},
		{
			"unknown below a known",
			testRequest{method: "GET", path: "/v1/runtimes/" + unknownID + "/nothing"},
			404,
			"There is nothing at",
		},
		{"no such resource", testRequest{method: "GET", path: "/v1/nothings"}, 404, "There is nothing at /v1/nothings."},
		{"doubled slash", testRequest{method: "GET", path: "/v1//functions"}, 404, "There is nothing at"},
		{"dots", testRequest{method: "GET", path: "/v1/../v1/functions"}, 404, "There is nothing at"},
		{
			"wrong method",
			testRequest{method: "PATCH", path: "/v1/functions"},
			405,
			"The method PATCH is not allowed on /v1/functions.",
		},
		{
			"no UUID",
			testRequest{method: "GET", path: "/v1/functions/abc"},
			400,
			`The id in the path must be a UUID; it is "abc".`,
		},
		{"no UUID in a log", testRequest{method: "GET", path: "/v1/executions/abc/log"}, 400, "must be a UUID"},
		{"no UUID to delete", testRequest{method: "DELETE", path: "/v1/executions/1"}, 400, "must be a UUID"},
		{"no such runtime", testRequest{method: "GET", path: "/v1/runtimes/" + unknownID}, 404, unknownID},
		{"no such pool", testRequest{method: "GET", path: "/v1/runtimes/" + unknownID + "/pool"}, 404, unknownID},
		{"no such function", testRequest{method: "DELETE", path: "/v1/functions/" + unknownID}, 404, unknownID},
		{"no such execution", testRequest{method: "GET", path: "/v1/executions/" + unknownID}, 404, unknownID},
		{"no such log", testRequest{method: "GET", path: "/v1/executions/" + unknownID + "/log"}, 404, unknownID},
		{"limit", testRequest{method: "GET", path: "/v1/functions?limit=0"}, 400, "limit must be a whole number of at least 1"},
		{"limit is a word", testRequest{method: "GET", path: "/v1/functions?limit=x"}, 400, `it is "x"`},
		{"marker", testRequest{method: "GET", path: "/v1/functions?marker=x"}, 400, "marker must be the UUID"},
		{"marker of nothing", testRequest{method: "GET", path: "/v1/functions?marker=" + unknownID}, 400, unknownID},
		{"unknown filter", testRequest{method: "GET", path: "/v1/functions?colour=red"}, 400, "colour"},
		{"unknown sort key", testRequest{method: "GET", path: "/v1/functions?sort_keys=colour"}, 400, "colour"},
		{
			"sort direction",
			testRequest{method: "GET", path: "/v1/functions?sort_keys=name&sort_dirs=up"},
			400,
			`Each entry of sort_dirs must be asc or desc; one is "up".`,
		},
		{
			"more directions than keys",
			testRequest{method: "GET", path: "/v1/functions?sort_dirs=asc"},
			400,
			"sort_dirs must not have more entries than sort_keys; it has 1, and sort_keys has 0.",
		},
		{
			"all_projects",
			testRequest{method: "GET", path: "/v1/functions?all_projects=x"},
			400,
			"all_projects must be true or false",
		},
		{"query string", testRequest{method: "GET", path: "/v1/functions?a=%zz"}, 400, "The query string is malformed."},
	})
	if got := s.send(testRequest{method: "PATCH", path: "/v1/functions"}); got.header.Get("Allow") != "GET, POST" {
		t.Errorf("Allow: %s", got.header.Get("Allow"))
	}
}

func TestBadRuntimes(t *testing.T) {
	s := newService(t)
	post := func(body string) testRequest { return testRequest{method: "POST", path: "/v1/runtimes", body: body} }
	long := strings.Repeat("x", 256)
	s.refuse(t, []bad{
		{"empty", post(" "), 400, "The body is empty; a JSON object is needed."},
		{"malformed", post(`{"image": `), 400, "The body must be a JSON object: unexpected end of JSON input at byte 10."},
		{"rubbish after", post(`{"image": "python3"} x`), 400, "The body must be a JSON object"},
		{"a list", post(`[]`), 400, "The body must be a JSON object: it is a JSON array."},
		{"null", post(`null`), 400, "it is null"},
		{"no image", post(`{"name": "a"}`), 400, "image is required"},
		{"null image", post(`{"image": null}`), 400, "image is required"},
		{
			"unknown field",
			post(`{"image": "python3", "imgae": "x"}`),
			400,
			`There is no field "imgae" here; the fields are image, name`,
		},
		{"number as a name", post(`{"image": "python3", "name": 1}`), 400, "name must be a string; it is 1."},
		{
			"bool as a word",
			post(`{"image": "python3", "is_public": "perhaps"}`),
			400,
			`is_public must be true or false; it is "perhaps".`,
		},
		{
			"long name",
			post(`{"image": "python3", "name": "` + long + `"}`),
			400,
			"name must be at most 255 characters long; it has 256.",
		},
		{
			"long description",
			post(`{"image": "python3", "description": "` + long + `"}`),
			400,
			"description must be at most 255",
		},
		{
			"image that is a template",
			post(`{"image": "x\nprivileged: true"}`),
			400,
			"image must be the reference of a container image",
		},
		{
			"control characters",
			post(`{"image": "python3", "name": "a\u0000b"}`),
			400,
			"name must not contain control characters.",
		},
		{"large", post(`{"name": "` + strings.Repeat("x", 3<<20) + `"}`), 413, "The body is larger than 2097152 bytes."},
		{
			"a form",
			testRequest{
				method:      "POST",
				path:        "/v1/runtimes",
				body:        "image=python3",
				contentType: "application/x-www-form-urlencoded",
			},
			415,
			"The body must be application/json",
		},
		{
			"update of nothing",
			testRequest{method: "PUT", path: "/v1/runtimes/" + unknownID, body: `{"name": "x"}`},
			404,
			unknownID,
		},
		{
			"update with what is fixed",
			testRequest{method: "PUT", path: "/v1/runtimes/" + unknownID, body: `{"trusted": false}`},
			400,
			`There is no field "trusted"`,
		},
	})
}

func TestBadExecutions(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	post := func(body string) testRequest { return testRequest{method: "POST", path: "/v1/executions", body: body} }
	s.refuse(t, []bad{
		{"malformed", post(`{`), 400, "The body must be a JSON object"},
		{"nothing", post(`{}`), 400, "function_id or function_alias is required."},
		{"no UUID", post(`{"function_id": "f"}`), 400, `function_id must be a UUID; it is "f".`},
		{"a number", post(`{"function_id": 1}`), 400, "function_id must be a UUID; it is 1."},
		{"no such function", post(`{"function_id": "` + unknownID + `"}`), 404, unknownID},
		{"unknown field", post(`{"function_id": "` + function + `", "inputs": "x"}`), 400, `There is no field "inputs" here`},
		{"sync", post(`{"function_id": "` + function + `", "sync": 1}`), 400, "sync must be true or false; it is 1."},
		{
			"input",
			post(`{"function_id": "` + function + `", "input": 1}`),
			400,
			"input must be a string or a JSON object; it is 1.",
		},
		{
			"large input",
			post(`{"function_id": "` + function + `", "input": "` + strings.Repeat("x", 1<<20+1) + `"}`),
			413,
			"input must be at most 1048576 bytes",
		},
		{
			"version is a word",
			post(`{"function_id": "` + function + `", "function_version": "x"}`),
			400,
			"function_version must be a whole number",
		},
		{
			"negative version",
			post(`{"function_id": "` + function + `", "function_version": -1}`),
			400,
			"function_version must be from 0",
		},
		{
			"no such version",
			post(`{"function_id": "` + function + `", "function_version": "1"}`),
			404,
			"Version 1 of function " + function + " can not be found.",
		},
		{"no such alias", post(`{"function_alias": "live"}`), 404, "Function alias live can not be found."},
	})
}

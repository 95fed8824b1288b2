package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/openstack-faas/faas/internal/policy"
)

// description is the published description of the API, read once.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../docs/api-ref/openapi.yaml")
	if err != nil {
		return nil, err
	}
	doc.Servers = nil // whatever address a test listens on
	return doc, nil
})

var describedRoutes = sync.OnceValues(func() (routers.Router, error) {
	doc, err := description()
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// checkContract holds an answer against the description. Paths and methods that are not described
// may only be refused.
func checkContract(t testing.TB, r *http.Request, got reply) {
	t.Helper()
	router, err := describedRoutes()
	if err != nil {
		t.Fatal(err)
	}
	if got.status != http.StatusNoContent && got.header.Get("Content-Type") == "" {
		t.Errorf("%s %s: the answer has no Content-Type", r.Method, r.URL)
	}
	if r.Method == http.MethodHead { // described by what GET answers
		return
	}
	asked := httptest.NewRequest(r.Method, r.URL.RequestURI(), nil)
	asked.Header = r.Header
	route, params, err := router.FindRoute(asked)
	if err != nil {
		if got.status < 400 || got.status >= 500 {
			t.Errorf("%s %s answered %d and is not described: %v", r.Method, r.URL, got.status, err)
		}
		return
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route},
		Status:                 got.status, Header: got.header, Body: io.NopCloser(strings.NewReader(string(got.body))),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("%s %s answered %d, which is not as described: %v\n%s", r.Method, r.URL, got.status, err, got.body)
	}
}

func init() {
	openapi3filter.RegisterBodyDecoder("application/zip", openapi3filter.FileBodyDecoder)
	// The library's own pattern knows the versions of RFC 4122 only; ours are those of RFC 9562.
	openapi3.DefineStringFormatValidator(
		"uuid",
		openapi3.NewRegexpFormatValidator(`^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
	)
}

func TestDescriptionIsValid(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

// The description has the routes that there are, and no others.
func TestRoutesAreDescribed(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	var described, routed []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	for _, rt := range (&handlers{}).routes() {
		routed = append(routed, rt.method+" "+rt.path)
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("described\n%s\nrouted\n%s", strings.Join(described, "\n"), strings.Join(routed, "\n"))
	}
}

// What has a body may be too slow and too large.
func TestBodiesAreDescribed(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	bodies := 0
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.RequestBody == nil {
				continue
			}
			bodies++
			for _, status := range []int{http.StatusRequestTimeout, http.StatusRequestEntityTooLarge} {
				if operation.Responses.Status(status) == nil {
					t.Errorf("%s %s: %d is not described", method, path, status)
				}
			}
		}
	}
	if bodies < 10 {
		t.Errorf("%d operations with bodies were found", bodies)
	}
}

// Each route that is not open asks a rule that exists, and its description names it.
func TestRoutesHaveRules(t *testing.T) {
	enforcer, err := policy.New(t.Context(), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	for _, rt := range (&handlers{}).routes() {
		open := rt.rule == ""
		if open != slices.Contains([]string{"/", "/v1", "/healthcheck"}, rt.path) {
			t.Errorf("%s %s has the rule %q", rt.method, rt.path, rt.rule)
		}
		if open {
			continue
		}
		if rt.rule == invokeRule && doc.Paths.Value(rt.path).GetOperation(rt.method).Security == nil {
			t.Errorf("%s is described as one that asks for a token", rt.path)
		}
		if !enforcer.Known(rt.rule) {
			t.Errorf("there is no rule %s", rt.rule)
		}
		operation := doc.Paths.Value(rt.path).GetOperation(rt.method)
		if !strings.Contains(operation.Description, fmt.Sprintf("`%s`", rt.rule)) {
			t.Errorf("%s %s: the description does not name %s", rt.method, rt.path, rt.rule)
		}
	}
	for _, rule := range []string{"runtime:get_all:all_projects", "function:get_all:all_projects", "function_version:get_all:all_projects", "function_alias:get_all:all_projects",
		"execution:get_all:all_projects",
		"webhook:get_all:all_projects", "webhook:get_url", "trigger:get_all:all_projects", "trigger:get_url"} {
		if !enforcer.Known(rule) {
			t.Errorf("there is no rule %s", rule)
		}
	}
}

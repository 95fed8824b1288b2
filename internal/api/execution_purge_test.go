package api

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// v12Header asks for the version that purges executions.
var v12Header = map[string]string{request.MicroversionHeader: "function-engine 1.2"}

func (s *service) purge(function string) (done purgeView) {
	s.t.Helper()
	got := s.send(testRequest{method: "DELETE", path: "/v1/executions?function_id=" + function, header: v12Header})
	if got.status != 200 {
		s.t.Fatalf("%d %s", got.status, got.body)
	}
	got.decode(s.t, &done)
	return done
}

// ended runs the function so many times and returns the ids, the oldest first.
func (s *service) ended(function string, n int) (ids []string) {
	s.t.Helper()
	for range n {
		ids = append(ids, s.execute(function, `, "input": "some text"`, 201).ID)
	}
	return ids
}

// Records of one function go, the oldest first and so many in a request; their bytes come back.
// What has not ended, and what is another function's, stays.
func TestPurgeOfExecutions(t *testing.T) {
	s := newService(t, withQuotas)
	s.api.handlers.purges.bounds = purgeBounds{step: 2, rows: 4, time: time.Hour}
	runtime := s.newRuntime()
	function, other := s.newFunction(runtime, "f").ID, s.newFunction(runtime, "g").ID
	kept := append(s.ended(other, 1), s.execute(function, `, "sync": false`, 201).ID)
	bytes := func() int64 { return s.used()[faas.ResourceRecords].Used }
	without := bytes()
	old := s.ended(strings.ToLower(function), 5)
	if with := bytes(); with <= without {
		t.Fatalf("five executions more take %d bytes, and %d without them", with, without)
	}
	if done := s.purge(strings.ToUpper(function)); done != (purgeView{Deleted: 4, More: true}) {
		t.Errorf("the first request: %+v", done)
	}
	for _, id := range old[:4] {
		s.do("GET", "/v1/executions/"+id, "", 404)
		s.do("GET", "/v1/executions/"+id+"/log", "", 404)
	}
	s.do("GET", "/v1/executions/"+old[4], "", 200)
	for i, want := range []purgeView{{Deleted: 1}, {}} {
		if done := s.purge(function); done != want {
			t.Errorf("request %d: %+v, want %+v", i+2, done, want)
		}
	}
	for _, id := range kept {
		s.do("GET", "/v1/executions/"+id, "", 200)
	}
	if left := bytes(); left != without {
		t.Errorf("%d bytes are left, and there were %d before", left, without)
	}
}

// Records outlive their function, and can be purged then.
func TestPurgeOfAFunctionThatIsGone(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.ended(function, 2)
	s.do("DELETE", "/v1/functions/"+function, "", 204)
	path := "/v1/executions?function_id=" + function
	if got := s.send(testRequest{method: "DELETE", path: path, identity: "p-two member", header: v12Header}); got.status != 404 {
		t.Errorf("another project: %d %s", got.status, got.body)
	}
	if done := s.purge(function); done != (purgeView{Deleted: 2}) {
		t.Errorf("got %+v", done)
	}
	if got := s.send(testRequest{method: "DELETE", path: path, header: v12Header}); got.status != 404 {
		t.Errorf("neither function nor records: %d %s", got.status, got.body)
	}
}

// A request ends after its time, however much is left. The clock here is seven seconds later each
// time that somebody looks.
func TestPurgeEndsInTime(t *testing.T) {
	var looks atomic.Int64
	s := newService(t, func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(looks.Add(1)) * 7 * time.Second) }
	})
	s.api.handlers.purges.bounds = purgeBounds{step: 1, rows: 100, time: 10 * time.Second}
	function := s.newFunction(s.newRuntime(), "f").ID
	s.ended(function, 3)
	if done := s.purge(function); done != (purgeView{Deleted: 1, More: true}) {
		t.Errorf("got %+v", done)
	}
}

func TestPurgesThatAreRefused(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	ids := s.ended(function, 1)
	of := "?function_id=" + function
	for _, c := range []struct {
		query, identity string
		header          map[string]string
		status          int
		fault           string
	}{
		{"", "", v12Header, 400, "function_id is required, as in ?function_id=<id>"},
		{"?function_id=", "", v12Header, 400, "function_id is required"},
		{"?function_id=all", "", v12Header, 400, `function_id must be a UUID; it is "all"`},
		{of + "&function_id=" + unknownID, "", v12Header, 400, "given once"},
		{of + "&status=failed", "", v12Header, 400, "status is not possible"},
		{of + "&all_projects=true", "", v12Header, 400, "all_projects is not possible"},
		{of + ";x=%zz", "", v12Header, 400, "malformed"},
		{"?function_id=" + unknownID, "", v12Header, 404, "Function " + unknownID + " not found."},
		{of, "p-two member", v12Header, 404, "Function " + function + " not found."},
		{of, "p-two admin", v12Header, 403, "Operation not allowed: the function is another project's"},
		{of, "p-one reader", v12Header, 403, "Operation not allowed"},
		{of, "none", v12Header, 401, "authentication"},
		{of, "", v11Header, 405, ""},
		{of, "", nil, 405, ""},
	} {
		got := s.send(testRequest{
			method: "DELETE", path: "/v1/executions" + c.query, identity: c.identity, header: c.header,
		})
		if got.status != c.status || !strings.Contains(got.fault(), c.fault) {
			t.Errorf("%q as %q: %d %s, want %d %q", c.query, c.identity, got.status, got.body, c.status, c.fault)
		}
		if c.status == 405 && got.header.Get("Allow") != "GET, POST" {
			t.Errorf("Allow is %q", got.header.Get("Allow"))
		}
	}
	s.do("GET", "/v1/executions/"+ids[0], "", 200)
}

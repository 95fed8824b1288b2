package api

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
)

// v11Header asks for the version that has quotas.
var v11Header = map[string]string{request.MicroversionHeader: "function-engine 1.1"}

// defaultQuota differs from resource to resource.
func defaultQuota() faas.Amounts {
	limits := faas.Amounts{}
	for i, r := range quota.Resources {
		limits[r.Name] = int64(100 + i)
	}
	limits[faas.ResourcePackages] = 1 << 20
	return limits
}

// withQuotas has limits kept in the service's database, and calls counted.
func withQuotas(c *Config) {
	c.Quotas = quota.New(
		quota.Config{Driver: quota.Database{Store: c.Store.QuotaStore}, Defaults: defaultQuota(), CacheTime: time.Hour},
	)
	c.Calls = quota.NewCalls(c.Quotas, 64, c.Now)
}

// limit sets limits of the tests' project and returns what it may have then.
func (s *service) limit(limits string) faas.Amounts {
	s.t.Helper()
	var view quotaView
	s.ask("PUT", "/v1/quotas/"+project, `{"quota": `+limits+`}`, "", 200).decode(s.t, &view)
	return view.Quota
}

// ask is do for version 1.1, as whom the identity says.
func (s *service) ask(method, path, body, identity string, want int) reply {
	s.t.Helper()
	got := s.send(testRequest{method: method, path: path, body: body, identity: identity, header: v11Header})
	if got.status != want {
		s.t.Fatalf("%s %s as %q: %d %s, want %d", method, path, identity, got.status, got.body, want)
	}
	return got
}

func (s *service) used() map[faas.Resource]limitOfOne {
	s.t.Helper()
	var view limitsView
	s.ask("GET", "/v1/limits", "", "", 200).decode(s.t, &view)
	return view.Limits
}

func TestQuotas(t *testing.T) {
	s := newService(t, withQuotas)
	got := s.limit(`{"functions": 5, "jobs": "-1", "aliases": 0}`)
	want := defaultQuota()
	want[faas.ResourceFunctions], want[faas.ResourceJobs], want[faas.ResourceAliases] = 5, -1, 0
	if !maps.Equal(got, want) {
		t.Errorf("set: %v", got)
	}
	if got = s.limit(`{"jobs": null, "aliases": 7}`); got[faas.ResourceJobs] != defaultQuota()[faas.ResourceJobs] ||
		got[faas.ResourceAliases] != 7 ||
		got[faas.ResourceFunctions] != 5 {
		t.Errorf("set again: %v", got)
	}
	var view quotaView
	s.ask("GET", "/v1/quotas/p-two", "", "", 200).decode(t, &view)
	if view.ProjectID != "p-two" || !maps.Equal(view.Quota, defaultQuota()) {
		t.Errorf("another project: %+v", view)
	}
	s.ask("DELETE", "/v1/quotas/"+project, "", "", 204)
	s.ask("DELETE", "/v1/quotas/"+project, "", "", 204)
	s.ask("GET", "/v1/quotas/"+project, "", "", 200).decode(t, &view)
	if !maps.Equal(view.Quota, defaultQuota()) {
		t.Errorf("after DELETE: %+v", view)
	}
	for _, path := range []string{"/v1/quotas/" + project, "/v1/limits"} {
		s.do("GET", path, "", 404) // of version 1.0
	}
}

func TestWhoMaySeeAndSetQuotas(t *testing.T) {
	s := newService(t, withQuotas)
	const own, other, set = "/v1/quotas/p-one", "/v1/quotas/p-two", `{"quota": {"functions": 1}}`
	for _, c := range []struct {
		method, path, body, identity string
		want                         int
	}{
		{"GET", own, "", "p-one reader", 200},
		{"GET", own, "", "p-one member", 200},
		{"GET", other, "", "p-one member", 403},
		{"GET", other, "", "p-one admin", 200},
		{"GET", own, "", "p-one", 403},
		{"PUT", own, set, "p-one reader", 403},
		{"PUT", own, set, "p-one member", 403},
		{"PUT", own, set, "p-one manager", 403},
		{"PUT", other, set, "p-one admin", 200},
		{"DELETE", own, "", "p-one manager", 403},
		{"DELETE", other, "", "p-one admin", 204},
		{"GET", "/v1/limits", "", "p-one reader", 200},
		{"GET", "/v1/limits?project_id=p-one", "", "p-one reader", 200},
		{"GET", "/v1/limits?project_id=p-two", "", "p-one reader", 403},
		{"GET", "/v1/limits?project_id=p-two", "", "p-one admin", 200},
		{"GET", "/v1/limits?project_id=p-two&project_id=p-one", "", "p-one admin", 400},
		{"GET", "/v1/limits?project=p-two", "", "p-one reader", 400},
		{"GET", "/v1/limits", "", "none", 401},
		{"PUT", own, set, "none", 401},
	} {
		s.ask(c.method, c.path, c.body, c.identity, c.want)
	}
}

func TestBadQuotas(t *testing.T) {
	s := newService(t, withQuotas)
	for body, words := range map[string]string{
		`{}`:                              "the resources are functions, function_versions",
		`{"quota": null}`:                 "quota is required",
		`{"quota": 3}`:                    "must be a JSON object",
		`{"quota": {"functionz": 3}}`:     `quota has no resource "functionz"; the resources are functions, function_versions, aliases, webhooks, jobs, triggers, package_bytes, worker_memory, concurrent_executions, calls_per_minute, queued_executions, execution_bytes, execution_days, executions_per_function.`,
		`{"quota": {"functions": -2}}`:    "functions must be from -1",
		`{"quota": {"functions": 1.5}}`:   "functions must be a whole number",
		`{"quota": {"functions": true}}`:  "functions must be a whole number",
		`{"quota": {"functions": 1e400}}`: "functions must be a whole number",
		`{"functions": 3}`:                `no field "functions" here; the fields are quota`,
		``:                                "empty",
		`[]`:                              "must be a JSON object",
	} {
		if got := s.ask("PUT", "/v1/quotas/"+project, body, "", 400); !strings.Contains(got.fault(), words) {
			t.Errorf("%s: %q does not say %q", body, got.fault(), words)
		}
	}
	for _, id := range []string{strings.Repeat("p", 65), "a%20b", "a%0Ab", "%27"} {
		s.ask("GET", "/v1/quotas/"+id, "", "", 400)
	}
	if got := s.limit(`{}`); !maps.Equal(got, defaultQuota()) {
		t.Errorf("something was set: %v", got)
	}
}

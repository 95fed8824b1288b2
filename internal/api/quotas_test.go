package api

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/testkit"
)

// v11Header asks for the version that has quotas.
var v11Header = map[string]string{microversionHeader: "function-engine 1.1"}

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
		quota.Config{Driver: quota.Database{Store: c.Store}, Defaults: defaultQuota(), CacheTime: time.Hour},
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
	got := s.send(request{method: method, path: path, body: body, identity: identity, header: v11Header})
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
		`{"quota": {"functionz": 3}}`:     `no field "functionz" here; the fields are functions, function_versions, aliases, webhooks, jobs, package_bytes, worker_memory, concurrent_executions, calls_per_minute, queued_executions, execution_bytes.`,
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

func TestFunctionsWithinQuota(t *testing.T) {
	s := newService(t, withQuotas)
	runtime := s.newRuntime()
	first := s.newFunction(runtime, "first")
	pack := zipOf(t, "main.py", "def main(): pass")
	size := int64(len(pack))
	if got := s.used(); got[faas.ResourceFunctions] != (limitOfOne{Limit: 100, Used: 1}) ||
		got[faas.ResourcePackages] != (limitOfOne{Limit: 1 << 20, Used: size, Unit: "bytes"}) {
		t.Errorf("limits: %+v", got)
	}
	create := func() reply {
		body, contentType := formOf(
			t,
			field{"runtime_id", runtime},
			field{"code", `{"source":"package"}`},
			field{"package", pack},
		)
		return s.send(request{method: "POST", path: "/v1/functions", body: body, contentType: contentType})
	}
	s.limit(`{"functions": 1}`)
	if got := create(); got.status != 403 || got.fault() != "Quota exceeded for functions: limit 1, in use 1." {
		t.Errorf("over the quota: %d %s", got.status, got.body)
	}
	s.limit(fmt.Sprintf(`{"functions": 2, "package_bytes": %d}`, 2*size-1))
	want := fmt.Sprintf("Quota exceeded for package_bytes: limit %d, in use %d, asked for %d more.", 2*size-1, size, size)
	if got := create(); got.status != 403 || got.fault() != want {
		t.Errorf("over the quota: %d %s", got.status, got.body)
	}
	body, contentType := formOf(
		t, field{"package", zipOf(t, "main.py", "def main(): pass", "more.py", "", "and_more.py", "")},
	)
	if got := s.send(request{method: "PUT", path: "/v1/functions/" + first.ID, body: body, contentType: contentType}); got.status != 403 {
		t.Errorf("a package over the quota: %d %s", got.status, got.body)
	}
	s.do("DELETE", "/v1/functions/"+first.ID, "", 204)
	if got := create(); got.status != 201 {
		t.Errorf("after one was deleted: %d %s", got.status, got.body)
	}
}

func TestExecutionsWithinQuota(t *testing.T) {
	s := newService(t, withQuotas)
	f := s.newFunction(s.newRuntime(), "f")
	s.limit(`{"concurrent_executions": 2}`)
	running, end := make(chan struct{}, 2), make(chan struct{})
	s.answer(func(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		running <- struct{}{}
		<-end
		return echo(ctx, target, call, begin)
	})
	body := `{"function_id": "` + f.ID + `"}`
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() { s.do("POST", "/v1/executions", body, 201) })
	}
	await(t, running)
	await(t, running)
	got := s.do("POST", "/v1/executions", body, 429)
	if got.fault() != "Quota exceeded for concurrent_executions: limit 2, in use 2." ||
		got.header.Get("Retry-After") != "1" {
		t.Errorf("%s, Retry-After %q", got.body, got.header.Get("Retry-After"))
	}
	if used := s.used()[faas.ResourceExecutions]; used != (limitOfOne{Limit: 2, Used: 2}) {
		t.Errorf("in use: %+v", used)
	}
	s.do("POST", "/v1/executions", `{"sync": false, `+body[1:], 201) // it runs when there is room
	close(end)
	calls.Wait()
	s.do("POST", "/v1/executions", body, 201)
}

func TestCallsPerMinute(t *testing.T) {
	var clock atomic.Int64
	clock.Store(1_700_000_000)
	s := newService(t, func(c *Config) {
		c.Now = func() time.Time { return time.Unix(clock.Load(), 0) }
		withQuotas(c)
	})
	f := s.newFunction(s.newRuntime(), "f")
	s.limit(`{"calls_per_minute": 3}`)
	call := func(sync bool, want int) reply {
		t.Helper()
		return s.do("POST", "/v1/executions", fmt.Sprintf(`{"function_id": "%s", "sync": %v}`, f.ID, sync), want)
	}
	call(true, 201)
	clock.Add(10)
	call(false, 201)
	call(true, 201)
	for _, sync := range []bool{true, false} {
		got := call(sync, 429)
		if got.fault() != "Quota exceeded for calls_per_minute: limit 3, in use 3." || got.header.Get("Retry-After") != "51" {
			t.Errorf("%s, Retry-After %q", got.body, got.header.Get("Retry-After"))
		}
	}
	clock.Add(51)
	call(true, 201)
	call(true, 429)
}

// TestManyFunctionsAtOnce has a hundred functions asked for at once, of two processes on one
// database, in a project that may have ten.
func TestManyFunctionsAtOnce(t *testing.T) {
	server, err := testkit.StartMariaDB(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	t.Run("two APIs", func(t *testing.T) { manyFunctions(t, server.Database(t)) })
}

func manyFunctions(t *testing.T, url string) {
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	var apis [2]*service
	var rows *store.Store
	for i := range apis {
		apis[i] = newService(t, func(c *Config) {
			opened, err := store.Open(t.Context(), url, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { opened.Close() })
			c.Store, rows = opened, opened
			withQuotas(c)
		})
	}
	apis[0].limit(`{"functions": 10}`)
	runtime, err := rows.CreateRuntime(
		t.Context(),
		faas.Runtime{ProjectID: project, Name: "python3", Image: "python3", Status: faas.RuntimeAvailable},
	)
	if err != nil {
		t.Fatal(err)
	}
	body, contentType := formOf(
		t,
		field{"runtime_id", runtime.ID},
		field{"code", `{"source":"package"}`},
		field{"package", zipOf(t, "main.py", "def main(): pass")},
	)
	var made, refused atomic.Int32
	var group sync.WaitGroup
	for n := range 100 {
		group.Go(func() {
			got := apis[n%2].send(request{method: "POST", path: "/v1/functions", body: body, contentType: contentType})
			switch {
			case got.status == 201:
				made.Add(1)
			case got.status == 403 && got.fault() == "Quota exceeded for functions: limit 10, in use 10.":
				refused.Add(1)
			default:
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	group.Wait()
	there, err := rows.Functions(t.Context(), faas.OneProject(project), faas.Query{})
	if err != nil || made.Load() != 10 || refused.Load() != 90 || len(there.Items) != 10 {
		t.Errorf("%d made, %d refused, %d there, %v", made.Load(), refused.Load(), len(there.Items), err)
	}
}

// TestRecordsOverQuota has calls of both kinds be refused when their records would be too much,
// with what to do about it in the limits.
func TestRecordsOverQuota(t *testing.T) {
	s := newService(t, withQuotas, func(c *Config) { c.Calls.CountRecords(c.Store.RecordUsage) })
	function := s.newFunction(s.newRuntime(), "f").ID
	s.answer(echo)
	s.limit(`{"queued_executions": 2, "execution_bytes": 10000, "calls_per_minute": -1}`)
	later := `{"function_id": "` + function + `", "sync": false}`
	s.do("POST", "/v1/executions", later, 201)
	s.do("POST", "/v1/executions", later, 201)
	if got := s.do("POST", "/v1/executions", later, 403).fault(); got != "Quota exceeded for queued_executions: limit 2, in use 2." {
		t.Errorf("got %q", got)
	}
	if used := s.used(); used[faas.ResourceQueued].Used != 2 || used[faas.ResourceRecords].Used != 2*512 {
		t.Errorf("in use: %v", used)
	}
	s.do(
		"POST",
		"/v1/executions",
		`{"function_id": "`+function+`", "input": {"text": "`+strings.Repeat("x", 10_000)+`"}}`,
		201,
	)
	if got := s.do("POST", "/v1/executions", `{"function_id": "`+function+`"}`, 403).fault(); !strings.HasPrefix(
		got, "Quota exceeded for execution_bytes: limit 10000, in use ",
	) {
		t.Errorf("got %q", got)
	}
}

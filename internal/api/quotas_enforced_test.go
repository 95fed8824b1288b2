package api

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/internal/testkit"
)

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
		return s.send(testRequest{method: "POST", path: "/v1/functions", body: body, contentType: contentType})
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
	if got := s.send(testRequest{method: "PUT", path: "/v1/functions/" + first.ID, body: body, contentType: contentType}); got.status != 403 {
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
	storetest.Migrate(t, url)
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
			got := apis[n%2].send(testRequest{method: "POST", path: "/v1/functions", body: body, contentType: contentType})
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

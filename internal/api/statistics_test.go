package api

import (
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestStatisticsOfCalls has a function called, and asks for what its calls came to: its own, those
// of its project and those of everybody, each by those who may.
func TestStatisticsOfCalls(t *testing.T) {
	s := newService(t)
	s.execution(store.Sample{FunctionID: unknownID, Took: 20 * time.Millisecond, Memory: 1 << 30, Cold: true})
	s.execution(store.Sample{FunctionID: unknownID, Took: 20 * time.Millisecond, Memory: 1 << 30})
	s.counted(2)
	type view struct {
		Statistics statisticsView `json:"statistics"`
	}
	get := func(query, identity string, want int) (v view) {
		t.Helper()
		got := s.send(testRequest{method: "GET", path: "/v1/statistics" + query, identity: identity, header: v111Header})
		if got.status != want {
			t.Fatalf("%s as %q: %d %s, want %d", query, identity, got.status, got.body, want)
		}
		if want == 200 {
			got.decode(t, &v)
		}
		return v
	}
	for query, calls := range map[string]int64{
		"": 2, "?function_id=" + unknownID: 2, "?function_id=" + faas.NewID(): 0, "?step=3600": 2,
		"?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z":                          0,
		"?from=" + url.QueryEscape(time.Now().Add(-time.Hour).UTC().Format(timeForm)): 2,
	} {
		v := get(query, project+" reader", 200).Statistics
		if v.Total.Calls != calls || v.Total.Succeeded != calls || len(v.Points) != int(min(calls, 1)) || v.Step == 0 {
			t.Errorf("%s: %+v, want %d calls", query, v, calls)
		}
	}
	total := get("", project+" reader", 200).Statistics.Total
	if total.Cold != 1 || total.P50 < 10 || total.P50 > 40 || total.GBSeconds < 0.039 || total.GBSeconds > 0.041 {
		t.Errorf("%+v, want a cold start, about 20 ms and 0.04 GB-seconds", total)
	}
	if n := get("?project_id="+project, "p-two admin", 200).Statistics.Total.Calls; n != 2 {
		t.Errorf("an administrator sees %d calls of the project", n)
	}
	if n := get("?all_projects=true", "p-two admin", 200).Statistics.Total.Calls; n != 2 {
		t.Errorf("an administrator sees %d calls of all projects", n)
	}
	if n := get("?function_id="+unknownID, "p-two member", 200).Statistics.Total.Calls; n != 0 {
		t.Errorf("another project sees %d calls", n)
	}
	get("?project_id="+project, "p-two member", 403)
	get("?all_projects=true", "p-two member", 403)
	s.do("GET", "/v1/statistics", "", 404) // version 1.0 has none
}

func TestStatisticsThatCannotBe(t *testing.T) {
	s := newService(t)
	for query, says := range map[string]string{
		"step=60":                        "step must be 300 or 3600",
		"from=yesterday":                 "from must be a time of the form",
		"to=2026-01-01":                  "to must be a time of the form",
		"colour=red":                     "There is no query parameter",
		"step=300&step=3600":             "step must be given once",
		"function_id=a%00b":              "function_id must be a UUID, or a name",
		"function_id=nobody":             "not found",
		"project_id=%20":                 "The id of a project must have",
		"all_projects=maybe":             "all_projects must be true or false",
		"all_projects=true&project_id=x": "cannot be combined",
		"from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z":    "from must be before to",
		"from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z":    "at most 1000 are answered at a time",
		"from=1900-01-01T00:00:00Z&to=9999-01-01T00:00:00%2B0": "must be a time of the form",
	} {
		got := s.send(testRequest{method: "GET", path: "/v1/statistics?" + query, header: v111Header})
		if got.status != 400 && got.status != 404 || !strings.Contains(string(got.body), says) {
			t.Errorf("%s: %d %s, want %q", query, got.status, got.body, says)
		}
	}
}

// counted waits until the statistics of the tests' project have so many calls.
func (s *service) counted(calls int64) {
	s.t.Helper()
	for {
		found, err := s.store.Statistics(s.t.Context(), faas.StatisticsQuery{
			ProjectID: project, Step: faas.LongStep, From: time.Now().Add(-2 * time.Hour), To: time.Now().Add(time.Hour),
		})
		if err != nil {
			s.t.Fatal(err)
		}
		if found.Total.Calls >= calls {
			return
		}
		runtime.Gosched()
	}
}

var v111Header = map[string]string{request.MicroversionHeader: "function-engine 1.11"}

// execution records one of the tests' project that ran.
func (s *service) execution(of store.Sample) {
	s.t.Helper()
	x := faas.Execution{ID: faas.NewID(), ProjectID: project, FunctionID: of.FunctionID, Lease: time.Minute}
	if err := s.store.Start(s.t.Context(), x); err != nil {
		s.t.Fatal(err)
	}
	err := s.store.Finish(s.t.Context(), x.ID, store.Ending{
		Status: faas.ExecutionSuccess, Result: "{}", ProjectID: project, Sample: of,
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

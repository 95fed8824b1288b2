package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// TestEventsOfExecutions has calls that go as usual and calls that do not, and reads what happened,
// as who may and as who may not.
func TestEventsOfExecutions(t *testing.T) {
	s := newService(t)
	header := map[string]string{request.MicroversionHeader: "function-engine 1.13"}
	events := func(id, identity string, want int) (v executionEvents) {
		t.Helper()
		got := s.send(testRequest{method: "GET", path: "/v1/executions/" + id + "/events", header: header, identity: identity})
		if got.status != want {
			t.Fatalf("as %q: %d %s, want %d", identity, got.status, got.body, want)
		}
		if want == 200 {
			got.decode(t, &v)
		}
		return v
	}
	kinds := func(v executionEvents) (all []string) {
		for _, e := range v.Events {
			all = append(all, e.Event)
		}
		return all
	}
	function := s.newFunction(s.newRuntime(), "f").ID
	usual := s.execute(function, "", 201)
	got := events(usual.ID, project+" reader", 200)
	if !slices.Equal(kinds(got), []string{"accepted", "started", "ended"}) || got.Events[2].Detail != "success" {
		t.Errorf("the usual call: %+v", got)
	}
	s.answer(func(
		ctx context.Context, _ faas.Target, _ faas.Call, begin dispatch.Begin,
	) (faas.Outcome, error) {
		if err := begin(ctx); err != nil {
			return faas.Outcome{}, err
		}
		return faas.Outcome{
			Status: faas.ExecutionFailed, Output: json.RawMessage(`"no"`), Cold: true,
			Story: []faas.StoryEvent{{Kind: faas.StoryCold, At: time.Now(), Took: time.Second, Worker: "w"}},
		}, nil
	})
	cold := s.execute(function, "", 201)
	got = events(cold.ID, project+" reader", 200)
	i := slices.Index(kinds(got), "cold_start")
	if i < 0 || *got.Events[i].Seconds != 1 || got.Events[i].Worker != "w" || got.Events[i].Process != "" {
		t.Errorf("a cold call, to a reader: %+v", got)
	}
	if got = events(cold.ID, "p-two admin", 200); got.Events[i].Process != "test" {
		t.Errorf("a cold call, to an administrator: %+v", got)
	}
	events(cold.ID, "p-two member", 404)
	events(unknownID, "", 404)
	events("no-id", "", 400)
	s.do("GET", "/v1/executions/"+cold.ID+"/events", "", 404) // what came with 1.13 is not there before

	queued := s.execute(function, `, "sync": false`, 201)
	s.cancel(queued.ID, "", 202)
	got = events(queued.ID, "", 200)
	if !slices.Equal(kinds(got), []string{"accepted", "cancelled", "ended"}) ||
		!strings.HasPrefix(got.Events[1].Detail, "by user ") {
		t.Errorf("one that was cancelled: %+v", got)
	}
}

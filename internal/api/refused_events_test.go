package api

import (
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestEventsThatCanBeNoExecution are dead letters, once each, and are executed when their trigger
// was mended: they by replay, and those that come again by coming.
func TestEventsThatCanBeNoExecution(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	g := s.newTrigger(f, "webhook", `, "input": {"all": "${data}", "more": "${data}", "again": "${data}"}`)
	large := `{"text": "` + strings.Repeat("x", 100<<10) + `"}` // three times that is too much for a template
	named := func(id string) []string {
		return []string{"Ce-Specversion", "1.0", "Ce-Id", id, "Ce-Source", "/x", "Ce-Type", "t"}
	}
	send := func(id, body string) string {
		t.Helper()
		if ids, _ := s.notify(g, body, 202, named(id)...); len(ids) > 0 {
			return ids[0]
		}
		return ""
	}
	was := send("small", `{}`)
	for _, id := range []string{"one", "two", "two"} {
		if x := send(id, large); x != "" {
			t.Errorf("%s is execution %s", id, x)
		}
	}
	if again := send("small", large); was == "" || again != was {
		t.Errorf("an event that was execution %q comes again as %q", was, again)
	}
	ids, all := s.letters(g, "")
	if len(all) != 2 {
		t.Fatalf("kept are %+v", all)
	}
	if l := all[0]; *l.EventID != "one" || *l.EventSource != "/x" || *l.EventType != "t" || l.Attempts != 0 ||
		!strings.Contains(*l.Reason, "template") || l.ProjectID != g.ProjectID || len(l.Truncated) != 1 {
		t.Errorf("kept is %+v", l)
	}
	if seen := s.seenBy(g.ID, 4); seen.Failed != 2 || seen.Delivered != 1 || seen.Duplicates != 1 ||
		!strings.Contains(seen.LastError, "template") {
		t.Errorf("seen are %+v", seen)
	}
	at := "/v1/triggers/" + g.ID + "/replay"
	for _, body := range []string{"", `{"dead_letters": ["` + ids[0] + `"]}`} {
		if got := s.trigger("POST", at, body, 400); !strings.Contains(string(got.body), "template") {
			t.Errorf("replayed as it was: %s", got.body)
		}
	}
	s.trigger("PUT", "/v1/triggers/"+g.ID, `{"input": {"all": "${data}"}}`, 200)
	came := send("two", large)
	got := decoded[replayed](t, s.trigger("POST", at, "", 202))
	if len(got.Executions) != 2 || got.More || got.Executions[1].ID != came {
		t.Fatalf("replayed are %+v, and what came by itself is %s", got, came)
	}
	x, err := s.store.Execution(t.Context(), faas.AnyProject(), got.Executions[0].ID)
	s.must(err)
	if !strings.Contains(x.Input, `"faasattempt":1`) || !strings.HasSuffix(x.Input, `"all":`+large+`}`) ||
		x.TriggerID != g.ID || !x.FollowUp || x.FunctionID != f {
		t.Errorf("executed is %.300s … %s", x.Input, x.Description)
	}
	if came = send("one", large); came != x.ID {
		t.Errorf("the event that was replayed as %s comes again as %s", x.ID, came)
	}
	if ids, _ = s.letters(g, ""); len(ids) != 0 || s.executions() != 3 {
		t.Errorf("left are %v, and there are %d executions", ids, s.executions())
	}
}

// TestReplayPassesOver what can be no execution still.
func TestReplayPassesOver(t *testing.T) {
	s := newService(t)
	g := s.newTrigger(s.newFunction(s.newRuntime(), "f").ID, "webhook", "")
	s.notify(g, `{}`, 202, "Ce-Specversion", "1.0", "Ce-Id", "deep", "Ce-Source", "/x", "Ce-Type", "t",
		"Ce-Faasdepth", "17")
	good := s.bury(g, "")
	got := decoded[replayed](t, s.trigger("POST", "/v1/triggers/"+g.ID+"/replay", "", 202))
	if len(got.Executions) != 1 || got.Executions[0].DeadLetter != good.ID {
		t.Errorf("replayed are %+v", got)
	}
	if _, all := s.letters(g, ""); len(all) != 1 || !strings.Contains(*all[0].Reason, "in a row") {
		t.Errorf("left are %+v", all)
	}
}

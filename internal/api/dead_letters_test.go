package api

import (
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
)

// bury makes a dead letter of a trigger, as an engine does, and returns it.
func (s *service) bury(t triggerView, extra string) faas.DeadLetter {
	s.t.Helper()
	e := event.New()
	e.SetID(faas.NewID())
	e.SetSource("/here")
	e.SetType("test")
	input, err := event.Input(event.WithAttempt(e, 3), []byte(`{"a":"`+extra+`"}`))
	s.must(err)
	l := faas.DeadLetter{
		ID: faas.NewID(), TriggerID: t.ID, ProjectID: t.ProjectID, EventID: e.ID(), EventSource: "/here", EventType: "test",
		Why: "KeyError: 'x'", Attempts: 3, CreatedAt: time.Now(), Input: input,
	}
	s.must(s.store.AddDue(s.t.Context(), store.FollowUp, l.ID, 0))
	shard := s.store.Shards().Of(l.ID)
	items, err := s.store.DueItems(s.t.Context(), store.DueQuery{Shards: []int{shard}, Room: map[string]int{store.FollowUp: 1000}})
	s.must(err)
	for _, i := range items {
		if i.Ref == l.ID {
			o, err := s.store.TakeShard(s.t.Context(), shard, "engine")
			s.must(err)
			taken, err := s.store.TakeDue(s.t.Context(), o, []store.DueItem{i}, func(string) time.Duration { return time.Hour })
			s.must(err)
			_, err = s.store.Follow(s.t.Context(), taken[0], store.Following{Letter: &l})
			s.must(err)
			return l
		}
	}
	s.t.Fatal("nothing is due")
	return l
}

// letters returns the dead letters of a trigger, as a list shows them.
func (s *service) letters(t triggerView, query string) (ids []string, all []deadLetterView) {
	s.t.Helper()
	got := decoded[struct {
		Letters []deadLetterView `json:"dead_letters"`
	}](s.t, s.trigger("GET", "/v1/triggers/"+t.ID+"/dead_letters"+query, "", 200))
	for _, l := range got.Letters {
		ids = append(ids, l.ID)
	}
	return ids, got.Letters
}

// TestDeadLetters are listed by the page, and deleted.
func TestDeadLetters(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	g, another := s.newTrigger(f, "webhook", `, "name": "g"`), s.newTrigger(f, "webhook", "")
	first, second := s.bury(g, ""), s.bury(g, strings.Repeat("x", 8<<10))
	s.bury(another, "")
	ids, all := s.letters(g, "")
	if len(ids) != 2 || ids[0] != first.ID || ids[1] != second.ID {
		t.Fatalf("listed are %v", ids)
	}
	if l := all[0]; *l.Input != first.Input || *l.Reason != "KeyError: 'x'" || l.Attempts != 3 || *l.EventID != first.EventID ||
		*l.EventType != "test" || *l.EventSource != "/here" || l.TriggerID != g.ID || l.ProjectID != g.ProjectID {
		t.Errorf("listed is %+v", l)
	}
	if l := all[1]; len(*l.Input) > 100 || len(l.Truncated) != 1 {
		t.Errorf("a large one is %+v", l)
	}
	if ids, _ = s.letters(g, "?limit=1&marker="+first.ID); len(ids) != 1 || ids[0] != second.ID {
		t.Errorf("the next page is %v", ids)
	}
	if got := s.trigger("GET", "/v1/triggers/g", "", 200); !strings.Contains(string(got.body), `"failed":2`) {
		t.Errorf("the trigger is %s", got.body)
	}
	path := "/v1/triggers/" + g.ID + "/dead_letters/"
	s.trigger("DELETE", path+first.ID, "", 204)
	s.trigger("DELETE", path+first.ID, "", 404)
	s.trigger("DELETE", "/v1/triggers/"+another.ID+"/dead_letters/"+second.ID, "", 404)
	s.trigger("DELETE", path+"x", "", 400)
	s.trigger("GET", "/v1/triggers/"+unknownID+"/dead_letters", "", 404)
	s.do("GET", "/v1/triggers/"+g.ID+"/dead_letters", "", 404) // before 1.10
	if ids, _ = s.letters(g, ""); len(ids) != 1 {
		t.Errorf("left are %v", ids)
	}
}

// TestReplay has events of dead letters executed again, each once and from the first attempt on.
func TestReplay(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	g := s.newTrigger(f, "webhook", "")
	replay := func(body string, want int) replayed {
		t.Helper()
		got := s.trigger("POST", "/v1/triggers/"+g.ID+"/replay", body, want)
		if want != 202 {
			return replayed{}
		}
		return decoded[replayed](t, got)
	}
	if got := replay("", 202); len(got.Executions) != 0 || got.More {
		t.Errorf("of none there are %+v", got)
	}
	one, two, three := s.bury(g, "1"), s.bury(g, "2"), s.bury(g, "3")
	got := replay(`{"dead_letters": ["`+strings.ToUpper(two.ID)+`"]}`, 202)
	if len(got.Executions) != 1 || got.Executions[0].DeadLetter != two.ID {
		t.Fatalf("replayed are %+v", got)
	}
	x, err := s.store.Execution(t.Context(), faas.AnyProject(), got.Executions[0].ID)
	s.must(err)
	if want := strings.Replace(two.Input, `"faasattempt":3`, `"faasattempt":1`, 1); x.Input != want || x.TriggerID != g.ID ||
		!x.FollowUp || x.FunctionID != f || x.UserID != g.UserID || x.Description != "Created by Trigger "+g.ID {
		t.Errorf("executed is %+v", x)
	}
	if queued := await(t, s.queued); queued != x.ID {
		t.Errorf("woken for %s", queued)
	}
	replay(`{"dead_letters": ["`+two.ID+`"]}`, 404)
	for _, wrong := range []string{`{"dead_letters": []}`, `{"dead_letters": "x"}`, `{"dead_letters": ["x"]}`, `{"all": true}`, `[]`} {
		replay(wrong, 400)
	}
	if got = replay("", 202); len(got.Executions) != 2 || got.Executions[0].DeadLetter != one.ID ||
		got.Executions[1].DeadLetter != three.ID || got.More {
		t.Errorf("replayed are %+v", got)
	}
	if ids, _ := s.letters(g, ""); len(ids) != 0 {
		t.Errorf("left are %v", ids)
	}
}

// TestReplayWithinTheQuota does as much as the quota lets it, and says that there is more.
func TestReplayWithinTheQuota(t *testing.T) {
	s := newService(t, func(c *Config) {
		c.Quotas = quota.New(quota.Config{
			Driver: quota.Database{Store: c.Store.QuotaStore}, Defaults: faas.Amounts{faas.ResourceCalls: 2, faas.ResourceTriggers: 10},
		})
		c.Calls = quota.NewCalls(c.Quotas, c.Store.Shards(), time.Now)
	})
	f := s.newFunction(s.newRuntime(), "f").ID
	g := s.newTrigger(f, "webhook", "")
	for range 3 {
		s.bury(g, "")
	}
	at := "/v1/triggers/" + g.ID + "/replay"
	if got := decoded[replayed](t, s.trigger("POST", at, "", 202)); len(got.Executions) != 2 || !got.More {
		t.Errorf("replayed are %+v", got)
	}
	s.trigger("POST", at, "", 429)
	if ids, _ := s.letters(g, ""); len(ids) != 1 {
		t.Errorf("left are %v", ids)
	}
}

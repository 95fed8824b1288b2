package dispatch

import (
	"net/http"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestStoryOfACall has a call that waits for a worker, which refuses it, so that another runs it;
// and one that finds a worker there, of which nothing is told.
func TestStoryOfACall(t *testing.T) {
	first := newAgent(t, testTarget.Key, func(w http.ResponseWriter, _ faas.Call) { refuse(w, faas.RefusedDraining) })
	second := newAgent(t, testTarget.Key, succeed)
	d := newDispatcher(t, &supply{workers: []faas.Worker{first.worker, second.worker}}, time.Minute, 10)
	o, err := d.Call(t.Context(), testTarget, aCall("1"), begin)
	if err != nil {
		t.Fatal(err)
	}
	want := []faas.StoryEvent{
		{Kind: faas.StoryCold, Worker: first.worker.ID},
		{Kind: faas.StoryElsewhere, Worker: first.worker.ID, Detail: "the worker refused it: draining"},
		{Kind: faas.StoryCold, Worker: second.worker.ID},
	}
	if len(o.Story) != len(want) {
		t.Fatalf("got %+v", o.Story)
	}
	for i, e := range o.Story {
		if e.Kind != want[i].Kind || e.Worker != want[i].Worker || e.Detail != want[i].Detail || e.At.IsZero() {
			t.Errorf("%d: got %+v, want %+v", i, e, want[i])
		}
	}
	if o, err := d.Call(t.Context(), testTarget, aCall("2"), begin); err != nil || o.Story != nil {
		t.Errorf("of a warm call: %+v, %v", o.Story, err)
	}
}

// TestStoryOfAFailure has a worker end in the middle of a call: the story names it.
func TestStoryOfAFailure(t *testing.T) {
	a := newAgent(t, testTarget.Key, func(w http.ResponseWriter, _ faas.Call) { panic(http.ErrAbortHandler) })
	d := newDispatcher(t, &supply{workers: []faas.Worker{a.worker}}, time.Minute, 10)
	o, err := d.Call(t.Context(), testTarget, aCall("1"), begin)
	if err == nil || len(o.Story) != 2 || o.Story[1].Kind != faas.StoryRan || o.Story[1].Worker != a.worker.ID {
		t.Errorf("got %+v, %v", o.Story, err)
	}
}

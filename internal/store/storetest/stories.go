package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// kindsOf returns what happened to an execution, in its order.
func (f *fixture) kindsOf(t *testing.T, id string) (kinds []faas.StoryKind, story []faas.StoryEvent) {
	t.Helper()
	x, err := f.Execution(t.Context(), all, id)
	if faas.KindOf(err) == faas.NotFound {
		x.ID = id
	} else {
		must(t, err)
	}
	story, err = f.Story(t.Context(), x)
	must(t, err)
	for _, e := range story {
		kinds = append(kinds, e.Kind)
	}
	return kinds, story
}

// stories has executions that are run as usual, that wait, and that are lost or cancelled.
func stories(t *testing.T, f *fixture) {
	ctx := t.Context()
	usual := execution("ours", "f")
	usual.Sync, usual.Lease, usual.Owner = true, time.Minute, "api"
	must(t, f.Start(ctx, usual))
	must(t, f.Finish(ctx, usual.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}"}))
	kinds, _ := f.kindsOf(t, usual.ID)
	if want := []faas.StoryKind{faas.StoryAccepted, faas.StoryStarted, faas.StoryEnded}; !slices.Equal(kinds, want) {
		t.Errorf("the usual call: %v, want %v", kinds, want)
	}

	slow := execution("ours", "f")
	slow.CreatedAt = f.now()
	must(t, f.Enqueue(ctx, slow))
	for range 200 { // an hour and more, each twice
		f.pass(20 * time.Second)
		off := faas.StoryEvent{Kind: faas.StoryPutOff, At: f.now(), Took: time.Second, Detail: "no room \xff"}
		must(t, f.Tell(ctx, slow.ID, slow.Story("engine", off)...))
	}
	must(t, f.Tell(ctx, slow.ID))
	_, _, err := f.Claim(ctx, slow.ID, "engine", time.Minute)
	must(t, err)
	f.pass(time.Second)
	cold := faas.StoryEvent{Kind: faas.StoryCold, At: f.now(), Took: time.Second, Worker: "w"}
	must(t, f.Finish(ctx, slow.ID, store.Ending{
		Status: faas.ExecutionSuccess, Result: "{}", EndedAt: f.now(), Story: slow.Story("engine", cold),
	}))
	kinds, story := f.kindsOf(t, slow.ID)
	times, took := 0, time.Duration(0)
	for _, e := range story {
		if e.Kind == faas.StoryPutOff {
			times, took = times+e.Times, took+e.Took
		}
	}
	if n := len(kinds); n > 15 || n < 6 || kinds[0] != faas.StoryAccepted || kinds[n-1] != faas.StoryEnded ||
		kinds[n-2] != faas.StoryCold || kinds[n-3] != faas.StoryStarted || story[n-2].Worker != "w" ||
		story[n-2].Process != "engine" || story[n-2].Took != time.Second {
		t.Errorf("the slow one: %+v", story)
	}
	if times != 200 || took != 200*time.Second {
		t.Errorf("it was put off %d times, for %s", times, took)
	}

	lost := execution("ours", "f")
	lost.Owner, lost.Lease = "gone", over
	must(t, f.Start(ctx, lost))
	if _, err := f.SettleExpired(ctx, 10, nil); err != nil {
		t.Fatal(err)
	}
	if kinds, story := f.kindsOf(t, lost.ID); !slices.Contains(kinds, faas.StoryLost) || story[1].Process != "gone" {
		t.Errorf("one that was lost: %+v", story)
	}
	unwanted := execution("ours", "f")
	must(t, f.Enqueue(ctx, unwanted))
	must(t, second(f.Cancel(ctx, ours, unwanted.ID, store.Cancellation{
		Output: "no", Story: faas.StoryEvent{Kind: faas.StoryCancelled, Detail: "by user u"},
	})))
	want := []faas.StoryKind{faas.StoryAccepted, faas.StoryCancelled, faas.StoryEnded}
	if kinds, story := f.kindsOf(t, unwanted.ID); !slices.Equal(kinds, want) || story[1].Detail != "by user u" {
		t.Errorf("one that was cancelled: %+v", story)
	}
}

// storiesGo deletes executions in each way, and with them what happened to them.
func storiesGo(t *testing.T, f *fixture) {
	ctx := t.Context()
	ended := func() string {
		x := execution("ours", "f")
		x.Owner, x.Lease = "api", time.Minute
		must(t, f.Start(ctx, x))
		e := faas.StoryEvent{Kind: faas.StoryCold, At: f.now()}
		must(t, f.Finish(ctx, x.ID, store.Ending{
			Status: faas.ExecutionSuccess, Result: "{}", EndedAt: f.now(), Story: x.Story("api", e),
		}))
		return x.ID
	}
	kept := func(id string) bool {
		kinds, _ := f.kindsOf(t, id)
		return slices.Contains(kinds, faas.StoryCold)
	}
	deleted, orphan := ended(), faas.NewID()
	var purged []string
	for range 70 {
		purged = append(purged, ended())
	}
	must(t, f.Tell(ctx, orphan, faas.StoryEvent{Kind: faas.StoryCold, At: f.now()}))
	for _, id := range append(purged, deleted, orphan) {
		if !kept(id) {
			t.Fatalf("nothing is kept of %s", id)
		}
	}
	must(t, f.DeleteExecution(ctx, ours, deleted))
	f.pass(time.Hour)
	young := ended()
	n, err := f.PurgeExecutions(ctx, f.now().Add(-time.Minute), 1000)
	if err != nil || n != len(purged) {
		t.Fatalf("purged %d, %v", n, err)
	}
	for _, id := range append(purged, deleted, orphan) {
		if kept(id) {
			t.Errorf("the story of %s is there still", id)
		}
	}
	if !kept(young) {
		t.Error("what is younger lost its story")
	}
}

package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// event returns an event whose text has what statements are written with.
func event(of string) store.Event {
	return store.Event{ID: faas.NewID(), Body: of + ` {"a": "it's \ 😀 %s ?"}`}
}

// kept expects these events to be what others are to be told.
func kept(t *testing.T, s *store.Store, want ...store.Event) {
	t.Helper()
	got, err := s.Events(t.Context(), 1000)
	must(t, err)
	byID := func(a, b store.Event) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(want, byID)
	if !slices.Equal(got, want) {
		t.Errorf("others are to be told %v, want %v", got, want)
	}
}

// outbox has events kept with what is recorded, and none with what is not.
func outbox(t *testing.T, f *fixture) {
	ctx := t.Context()
	var want []store.Event
	for _, held := range []bool{true, false} { // the start joined with its ending, and written before
		x, begun, ended := execution("ours", "f"), event("begun"), event("ended")
		x.Lease = time.Minute
		must(t, f.Start(ctx, x, begun))
		if !held {
			_, err := f.SettleExpired(ctx, 10, nil)
			must(t, err)
			kept(t, f.Store, append(slices.Clone(want), begun)...)
		}
		must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}", Events: []store.Event{ended}}))
		again := event("ended again")
		is(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Events: []store.Event{again}}), faas.Conflict)
		want = append(want, begun, ended)
		kept(t, f.Store, want...)
		must(t, f.DeleteExecution(ctx, ours, x.ID)) // what it cost is not undone
		kept(t, f.Store, want...)
	}
	s := f.reopen()
	kept(t, s, want...)
	some, err := s.Events(ctx, 3)
	if err != nil || len(some) != 3 {
		t.Fatalf("got %v, %v", some, err)
	}
	must(t, s.DropEvents(ctx, some))
	must(t, s.DropEvents(ctx, some)) // another has dropped them
	kept(t, s, want[3])
	more := event("more")
	must(t, s.AddEvents(ctx, more))
	kept(t, s, want[3], more)
}

// outboxOfMany has executions claimed and ended by several at once: the events are those of who
// won.
func outboxOfMany(t *testing.T, f *fixture) {
	ctx := t.Context()
	var mu sync.Mutex
	var want []store.Event
	var group sync.WaitGroup
	for range 10 {
		x := execution("ours", "f")
		must(t, f.Enqueue(ctx, x))
		for n := range 5 {
			group.Go(func() {
				claimed, ended := event("claimed"), event("ended")
				_, won, err := f.Claim(ctx, x.ID, fmt.Sprint("engine ", n), time.Minute, claimed)
				if err != nil {
					t.Error(err)
				}
				if !won {
					return
				}
				if err := f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionFailed, Events: []store.Event{ended}}); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				want = append(want, claimed, ended)
			})
		}
	}
	group.Wait()
	if len(want) != 20 {
		t.Errorf("%d events of 20 were kept", len(want))
	}
	kept(t, f.Store, want...)
}

// outboxOfTheLost has processes die: their executions are told of once, with the function as it is,
// or without one.
func outboxOfTheLost(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")
	lost, orphan := execution("ours", fn.ID), execution("ours", faas.NewID())
	for _, x := range []faas.Execution{lost, orphan} {
		must(t, f.Enqueue(ctx, x))
		_, _, err := f.Claim(ctx, x.ID, "engine", over)
		must(t, err)
	}
	var want []store.Event
	settled, err := f.SettleExpired(ctx, 10, func(of faas.Function, x faas.Execution) []store.Event {
		if x.Status != faas.ExecutionError || x.EndedAt.IsZero() || of.Name != map[string]string{lost.ID: "f"}[x.ID] {
			t.Errorf("settled %+v of %+v", x, of)
		}
		e := event("lost " + x.ID)
		want = append(want, e)
		return []store.Event{e}
	})
	if err != nil || len(settled) != 2 || len(want) != 2 {
		t.Errorf("settled %v, %v", settled, err)
	}
	kept(t, f.Store, want...)
	late := event("ended")
	is(t, f.Finish(ctx, lost.ID, store.Ending{Status: faas.ExecutionSuccess, Events: []store.Event{late}}), faas.Conflict)
	kept(t, f.Store, want...)
}

package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// trigger makes a trigger of a function of ours.
func (f *fixture) trigger(t *testing.T, function string, source faas.TriggerSource, trust string) faas.Trigger {
	t.Helper()
	if trust != "" {
		must(t, f.ScheduleTrustDeletion(t.Context(), trust, time.Hour))
	}
	g, err := f.CreateTrigger(t.Context(), faas.Trigger{
		ProjectID: "ours", UserID: "u", Name: "n", Calls: faas.FunctionRef{FunctionID: function}, Source: source,
		Settings: `{}`, Status: faas.TriggerPending, TrustID: trust,
	}, nil)
	must(t, err)
	return g
}

// due reports whether an item of the kind and ref is due now.
func (f *fixture) due(t *testing.T, kind, ref string) bool {
	t.Helper()
	var shards []int
	for shard := range int(f.Shards()) {
		shards = append(shards, shard)
	}
	items, err := f.DueItems(t.Context(), store.DueQuery{Shards: shards, Room: map[string]int{kind: 1000}})
	must(t, err)
	for _, i := range items {
		if i.Ref == ref && i.In <= 0 {
			return true
		}
	}
	return false
}

// triggers are made, changed, noted and listed, each within its project.
func triggers(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", true)
	fn, foreign := f.function(t, "ours", r.ID, "f"), f.function(t, "theirs", r.ID, "g")
	for what, ref := range map[string]faas.FunctionRef{
		"another project's function": {FunctionID: foreign.ID}, "no version": {FunctionID: fn.ID, Version: 7},
		"no alias": {Alias: "none"},
	} {
		if _, err := f.CreateTrigger(ctx, faas.Trigger{ProjectID: "ours", Calls: ref}, nil); faas.KindOf(err) != faas.NotFound {
			t.Errorf("created for %s: %v", what, err)
		}
	}
	made := f.trigger(t, fn.ID, faas.TriggerSwift, "trust")
	if !f.due(t, store.TriggerKeeping, made.ID) || f.due(t, store.TrustDeletion, "trust") {
		t.Error("a new trigger is not kept, or its trust is to be deleted")
	}
	must(t, f.NoteTrigger(ctx, made.ID, `{"at":1}`, faas.TriggerActive, ""))
	f.pass(time.Second)
	want := made
	want.State, want.Status, want.Name, want.Filter = `{"at":1}`, faas.TriggerPaused, "m", `[]`
	want.UpdatedAt = f.now().Truncate(time.Microsecond)
	got, err := f.UpdateTrigger(ctx, ours, made.ID, func(g *faas.Trigger) error {
		g.Name, g.Filter, g.Status = "m", `[]`, faas.TriggerPaused
		return nil
	})
	must(t, err)
	same(t, "changed", got, want)
	must(t, f.NoteTrigger(ctx, made.ID, `{"at":2}`, faas.TriggerActive, "why"))
	want.State, want.StatusReason = `{"at":2}`, "why"
	got, err = f.Trigger(ctx, ours, made.ID)
	must(t, err)
	same(t, "noted while paused", got, want)
	broken := errors.New("no")
	if _, err := f.UpdateTrigger(ctx, ours, made.ID, func(*faas.Trigger) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("refused with %v", err)
	}
	page, err := f.Triggers(ctx, ours, faas.Query{})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("listed: %+v, %v", page, err)
	}
	if page, err = f.Triggers(ctx, theirs, faas.Query{}); err != nil || len(page.Items) != 0 {
		t.Errorf("another project lists %+v, %v", page, err)
	}
	is(t, second(f.Trigger(ctx, theirs, made.ID)), faas.NotFound)
	is(t, second(f.UpdateTrigger(ctx, theirs, made.ID, func(*faas.Trigger) error { return nil })), faas.NotFound)
	is(t, second(f.DeleteTrigger(ctx, theirs, made.ID)), faas.NotFound)
	of, err := f.TriggersOf(ctx, faas.TriggerSwift, "", 10)
	if err != nil || len(of) != 1 || of[0].ID != made.ID {
		t.Errorf("of Swift there are %+v, %v", of, err)
	}
	if of, err = f.TriggersOf(ctx, faas.TriggerSwift, made.ID, 10); err != nil || len(of) != 0 {
		t.Errorf("after it there are %+v, %v", of, err)
	}
}

// triggersEnd leave nothing behind: what they have elsewhere is deleted before they are gone, and
// their trust then.
func triggersEnd(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", true).ID, "f")
	hook := f.trigger(t, fn.ID, faas.TriggerWebhook, "")
	if f.due(t, store.TriggerKeeping, hook.ID) {
		t.Error("a trigger without a keeper is kept")
	}
	is(t, second(f.DeleteFunction(ctx, ours, fn.ID)), faas.Conflict)
	must(t, second(f.DeleteTrigger(ctx, ours, hook.ID)))
	is(t, second(f.Trigger(ctx, ours, hook.ID)), faas.NotFound)

	kept := f.trigger(t, fn.ID, faas.TriggerAodh, "trust")
	must(t, f.ScheduleTrustDeletion(ctx, "another", time.Hour))
	must(t, second(f.UpdateTrigger(ctx, ours, kept.ID, func(g *faas.Trigger) error { g.TrustID = "another"; return nil })))
	if !f.due(t, store.TrustDeletion, "trust") || f.due(t, store.TrustDeletion, "another") {
		t.Error("the trust before is kept, or the one that took its place is not")
	}
	if n, err := f.DeleteTriggersOf(ctx, "ours"); n != 1 || err != nil {
		t.Errorf("deleted %d, %v", n, err)
	}
	got, err := f.Trigger(ctx, ours, kept.ID)
	if err != nil || got.Status != faas.TriggerDeleting || !f.due(t, store.TriggerKeeping, kept.ID) {
		t.Errorf("while it is deleted it is %+v, %v", got, err)
	}
	must(t, f.NoteTrigger(ctx, kept.ID, "", faas.TriggerError, "away"))
	must(t, second(f.DeleteFunction(ctx, ours, fn.ID))) // what is being deleted is not in the way
	got, err = f.Trigger(ctx, ours, kept.ID)
	if err != nil || got.Status != faas.TriggerDeleting || got.StatusReason != "away" || got.Calls.FunctionID != "" {
		t.Errorf("the trigger is %+v, %v", got, err)
	}
	must(t, f.ForgetTrigger(ctx, kept.ID))
	must(t, f.ForgetTrigger(ctx, kept.ID))
	is(t, second(f.Trigger(ctx, ours, kept.ID)), faas.NotFound)
	if !f.due(t, store.TrustDeletion, "another") || f.due(t, store.TriggerKeeping, kept.ID) {
		t.Error("its trust stays, or it is kept on")
	}
	if repaired, err := f.RepairUsage(ctx); repaired != 0 || err != nil {
		t.Errorf("repaired %d, %v", repaired, err)
	}
}

// triggersSee adds numbers up and keeps what was last.
func triggersSee(t *testing.T, f *fixture) {
	ctx, at := t.Context(), f.now().Truncate(time.Microsecond)
	fn := f.function(t, "ours", f.runtime(t, "ours", true).ID, "f")
	one, other := f.trigger(t, fn.ID, faas.TriggerWebhook, ""), f.trigger(t, fn.ID, faas.TriggerWebhook, "")
	for range 2 {
		must(t, f.AddSeen(ctx, map[string]faas.TriggerSeen{
			one.ID:   {Delivered: 1, Duplicates: 2, LastEventAt: at, LastEventID: "e"},
			other.ID: {Filtered: 3, Failed: 4, LastError: "x", LastErrorAt: at}, faas.NewID(): {Failed: 1},
		}))
	}
	got, err := f.Trigger(ctx, ours, one.ID)
	must(t, err)
	same(t, "one", got.Seen, faas.TriggerSeen{Delivered: 2, Duplicates: 4, LastEventAt: at, LastEventID: "e"})
	got, err = f.Trigger(ctx, ours, other.ID)
	must(t, err)
	same(t, "other", got.Seen, faas.TriggerSeen{Filtered: 6, Failed: 8, LastError: "x", LastErrorAt: at})
}

// triggerQuota counts the triggers of a project.
func triggerQuota(t *testing.T, f *fixture) {
	ctx, one := t.Context(), faas.Amounts{faas.ResourceTriggers: 1}
	fn := f.function(t, "ours", f.runtime(t, "ours", true).ID, "f")
	g := faas.Trigger{ProjectID: "ours", Calls: faas.FunctionRef{FunctionID: fn.ID}, Source: faas.TriggerClock}
	made, err := f.CreateTrigger(ctx, g, one)
	must(t, err)
	is(t, second(f.CreateTrigger(ctx, g, one)), faas.OverQuota)
	must(t, second(f.DeleteTrigger(ctx, ours, made.ID)))
	must(t, second(f.CreateTrigger(ctx, g, one)))
}

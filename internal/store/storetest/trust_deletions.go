package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// trustDeletions has trusts noted before their functions are recorded, and after these are gone.
func trustDeletions(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", false)
	made := func(trust string) (faas.Function, error) {
		return f.CreateFunction(ctx, faas.Function{
			ProjectID: "ours", RuntimeID: r.ID, Entry: "main.main", Timeout: time.Second, TrustID: trust, TrustRoles: []string{"member", "reader"},
			Code: faas.Code{Source: faas.SourcePackage, SHA256: "s"},
		}, nil)
	}
	due := func(want ...string) {
		t.Helper()
		deletions, err := f.DueTrustDeletions(ctx, f.now(), 10)
		must(t, err)
		ids := []string{}
		for _, d := range deletions {
			ids = append(ids, d.TrustID)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("due are %q, want %q", ids, want)
		}
	}
	later := f.now().Add(10 * time.Minute)

	_, err := made("without a note")
	is(t, err, faas.Unavailable)
	for _, id := range []string{"kept", "orphan", "late"} {
		must(t, f.ScheduleTrustDeletion(ctx, id, later))
	}
	due()
	kept, err := made("kept")
	must(t, err)
	f.pass(10 * time.Minute)
	due("late", "orphan")

	until := f.now().Add(time.Minute)
	for i, want := range []bool{true, false} {
		if got, err := f.ClaimTrustDeletion(ctx, "late", f.now(), until); err != nil || got != want {
			t.Errorf("taken the %d. time: %v, %v", i+1, got, err)
		}
	}
	_, err = made("late")
	is(t, err, faas.Unavailable)
	if got, err := f.ClaimTrustDeletion(ctx, "kept", f.now(), until); err != nil || got {
		t.Errorf("a function's trust was taken: %v, %v", got, err)
	}
	due("orphan")
	must(t, f.FinishTrustDeletion(ctx, "orphan"))
	due()
	f.pass(time.Minute)
	due("late")
	must(t, f.FinishTrustDeletion(ctx, "late"))

	must(t, f.ScheduleTrustDeletion(ctx, "next", later))
	changed, err := f.UpdateFunction(ctx, ours, kept.ID, store.FunctionChange{Trust: &store.FunctionTrust{ID: "next", Roles: []string{"reader"}}})
	if err != nil || changed.TrustID != "next" || !slices.Equal(changed.TrustRoles, []string{"reader"}) || changed.Revision != kept.Revision {
		t.Errorf("changed: %+v, %v", changed, err)
	}
	due("kept")
	must(t, f.FinishTrustDeletion(ctx, "kept"))
	_, err = f.DeleteFunction(ctx, ours, kept.ID)
	must(t, err)
	due("next")
}

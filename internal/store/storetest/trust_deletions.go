package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// trustDeletions has trusts scheduled for deletion before their functions are recorded, and after
// these are gone.
func trustDeletions(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", false)
	made := func(trust string) (faas.Function, error) {
		return f.CreateFunction(ctx, faas.Function{
			ProjectID: "ours", RuntimeID: r.ID, Entry: "main.main", Timeout: time.Second, TrustID: trust, TrustRoles: []string{"member", "reader"},
			Code: faas.Code{Source: faas.SourcePackage, SHA256: "s"},
		}, nil)
	}
	due := func(within time.Duration, want ...string) {
		t.Helper()
		refs := dueRefs(t, f, store.TrustDeletion, within)
		if slices.Sort(refs); !slices.Equal(refs, want) {
			t.Errorf("due within %s are %q, want %q", within, refs, want)
		}
	}
	const grace = 10 * time.Minute

	_, err := made("not scheduled")
	is(t, err, faas.Unavailable)
	for _, id := range []string{"kept", "orphan"} {
		must(t, f.ScheduleTrustDeletion(ctx, id, grace))
	}
	must(t, f.ScheduleTrustDeletion(ctx, "late", 0))
	due(0, "late")
	kept, err := made("kept")
	must(t, err)
	due(grace, "late", "orphan")

	// An engine begins to delete the one that is due: from then on no function is recorded with it.
	shard := f.Shards().Of("late")
	o, err := f.TakeShard(ctx, shard, "engine")
	must(t, err)
	items, err := f.DueItems(ctx, store.DueQuery{Shards: []int{shard}, Room: map[string]int{store.TrustDeletion: 1}})
	must(t, err)
	taken, err := f.TakeDue(ctx, o, items, func(string) time.Duration { return time.Hour })
	if err != nil || len(taken) != 1 || taken[0].Ref != "late" {
		t.Fatalf("taken are %+v, %v", taken, err)
	}
	_, err = made("late")
	is(t, err, faas.Unavailable)
	must(t, f.DueFailed(ctx, taken[0], 0, "Keystone is away"))
	_, err = made("late")
	is(t, err, faas.Unavailable)

	must(t, f.ScheduleTrustDeletion(ctx, "next", grace))
	changed, err := f.UpdateFunction(
		ctx, ours, kept.ID,
		store.FunctionChange{Trust: &store.FunctionTrust{ID: "next", Roles: []string{"reader"}}},
	)
	if err != nil || changed.TrustID != "next" || !slices.Equal(changed.TrustRoles, []string{"reader"}) ||
		changed.Revision != kept.Revision {
		t.Errorf("changed: %+v, %v", changed, err)
	}
	due(0, "kept", "late")
	_, err = f.DeleteFunction(ctx, ours, kept.ID)
	must(t, err)
	due(0, "kept", "late", "next")
	due(grace, "kept", "late", "next", "orphan")
}

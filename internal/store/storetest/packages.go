package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// packageKeeper says what comes of packages and of functions that are recorded with them.
type packageKeeper struct {
	*fixture
	t       *testing.T
	runtime string
}

func (k packageKeeper) make(sha256 string) (faas.Function, error) {
	return k.CreateFunction(k.t.Context(), faas.Function{
		ProjectID: "ours", RuntimeID: k.runtime, Entry: "main.main", Timeout: time.Second, Code: faas.Code{Source: faas.SourcePackage, SHA256: sha256},
	}, nil)
}

// taken tries to take a package to delete it.
func (k packageKeeper) taken(sha256 string, want bool) store.TakenPackage {
	k.t.Helper()
	got, again, err := k.TakePackage(k.t.Context(), sha256, time.Minute)
	if err != nil || (got != nil) != want || got != nil && again != 0 {
		k.t.Errorf("package %s is taken: %v, %v, %v; want %v", sha256, got, again, err, want)
	}
	if got == nil {
		return store.TakenPackage{}
	}
	return *got
}

// left tries to take a package that is not to be deleted, and compares after which time to try
// again.
func (k packageKeeper) left(sha256 string, want time.Duration) {
	k.t.Helper()
	if got, again, err := k.TakePackage(k.t.Context(), sha256, time.Minute); err != nil || got != nil || again != want {
		k.t.Errorf("package %s is taken: %v, %v, %v; want to come again after %v", sha256, got, again, err, want)
	}
}

// deleted says that a package is deleted.
func (k packageKeeper) deleted(p store.TakenPackage) {
	k.t.Helper()
	if again, err := k.PackageDeleted(k.t.Context(), p); err != nil || again != 24*time.Hour {
		k.t.Errorf("package %s is deleted: %v, %v", p.SHA256, again, err)
	}
}

// items compares the packages of which there is due work.
func (k packageKeeper) items(want ...string) {
	k.t.Helper()
	due := dueRefs(k.t, k.fixture, store.PackageDeletion, time.Hour)
	if slices.Sort(due); !slices.Equal(due, want) {
		k.t.Errorf("to be looked at are %q, want %q", due, want)
	}
}

// dueRefs returns what is due of a kind within the time, the longest due first.
func dueRefs(t *testing.T, f *fixture, kind string, within time.Duration) (refs []string) {
	t.Helper()
	all := make([]int, f.Shards())
	for shard := range all {
		all[shard] = shard
	}
	items, err := f.DueItems(t.Context(), store.DueQuery{Shards: all, Room: map[string]int{kind: 100}, Within: within})
	must(t, err)
	for _, i := range items {
		refs = append(refs, i.Ref)
	}
	return refs
}

func newPackageKeeper(t *testing.T, f *fixture) packageKeeper {
	t.Helper()
	return packageKeeper{f, t, f.runtime(t, "ours", false).ID}
}

// packagesInUse are never anybody's to delete.
func packagesInUse(t *testing.T, f *fixture) {
	ctx, k := t.Context(), newPackageKeeper(t, f)
	must(t, f.AnnouncePackage(ctx, "a"))
	f.pass(10 * time.Minute)
	must(t, f.AnnouncePackage(ctx, "a")) // by another, who uploads the same
	f.pass(10 * time.Minute)
	k.taken("a", false)
	one, err := k.make("a")
	must(t, err)
	k.items("a")
	two, err := k.make("a") // its announcement went with the first
	must(t, err)
	k.taken("a", false)
	_, err = f.DeleteFunction(ctx, ours, one.ID)
	must(t, err)
	f.pass(48 * time.Hour)
	k.taken("a", false)

	must(t, f.AnnouncePackage(ctx, "a")) // and never recorded again
	f.pass(15 * time.Minute)
	k.taken("a", false)
	must(t, f.AnnouncePackage(ctx, "b"))
	_, err = f.UpdateFunction(
		ctx, ours, two.ID, store.FunctionChange{Code: &faas.Code{Source: faas.SourcePackage, SHA256: "b"}},
	)
	must(t, err)
	k.taken("b", false)
	k.taken("a", true)
	k.items("a", "b")
}

// packagesDeleted are those of nobody. Who has stored one before it was deleted must store it
// again.
func packagesDeleted(t *testing.T, f *fixture) {
	ctx, k := t.Context(), newPackageKeeper(t, f)
	other, err := k.make("other")
	must(t, err)
	refused := func() {
		t.Helper()
		_, err := k.make("a")
		is(t, err, faas.Unavailable)
		_, err = f.UpdateFunction(
			ctx, ours, other.ID,
			store.FunctionChange{Code: &faas.Code{Source: faas.SourcePackage, SHA256: "a"}},
		)
		is(t, err, faas.Unavailable)
	}
	must(t, f.AnnouncePackage(ctx, "a"))
	f.pass(15 * time.Minute)
	first := k.taken("a", true)
	k.taken("a", false)
	refused()
	is(t, f.AnnouncePackage(ctx, "a"), faas.Unavailable)
	k.left("a", time.Minute)

	f.pass(time.Minute) // whoever took it has died
	is(t, f.AnnouncePackage(ctx, "a"), faas.Unavailable)
	second := k.taken("a", true)
	k.deleted(first) // or was only slow
	is(t, f.AnnouncePackage(ctx, "a"), faas.Unavailable)
	k.deleted(second)
	refused()
	k.left("a", 24*time.Hour)

	must(t, f.AnnouncePackage(ctx, "a"))
	made, err := k.make("a")
	must(t, err)
	if made.Code.SHA256 != "a" {
		t.Errorf("made %+v", made)
	}

	k.deleted(k.taken("b", true))
	f.pass(24*time.Hour - time.Microsecond)
	k.left("b", time.Microsecond)
	_, err = k.make("b")
	is(t, err, faas.Unavailable)
	f.pass(time.Microsecond)
	k.left("b", 0)
	_, err = k.make("b")
	is(t, err, "")
	k.left("b", 0)
	k.items("a")
	_, err = f.DeleteFunction(ctx, ours, other.ID)
	must(t, err)
	k.items("a", "other")
}

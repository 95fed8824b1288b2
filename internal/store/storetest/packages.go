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

func (k packageKeeper) taken(sha256 string, want bool) (until time.Time) {
	k.t.Helper()
	until = k.now().Add(time.Minute)
	if got, err := k.TakePackage(k.t.Context(), sha256, k.now(), until); err != nil || got != want {
		k.t.Errorf("package %s is taken: %v, %v; want %v", sha256, got, err, want)
	}
	return until
}

func (k packageKeeper) undeleted(want ...string) {
	k.t.Helper()
	if got, err := k.UndeletedPackages(k.t.Context(), k.now(), 10); err != nil || !slices.Equal(got, want) {
		k.t.Errorf("begun and not finished are %q, %v; want %q", got, err, want)
	}
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
	_, err = f.UpdateFunction(ctx, ours, two.ID, store.FunctionChange{Code: &faas.Code{Source: faas.SourcePackage, SHA256: "b"}})
	must(t, err)
	k.taken("b", false)
	k.taken("a", true)
	k.undeleted()
}

// packagesDeleted are those of nobody. Who has stored one before it was deleted must store it again.
func packagesDeleted(t *testing.T, f *fixture) {
	ctx, k := t.Context(), newPackageKeeper(t, f)
	other, err := k.make("other")
	must(t, err)
	refused := func() {
		t.Helper()
		_, err := k.make("a")
		is(t, err, faas.Unavailable)
		_, err = f.UpdateFunction(ctx, ours, other.ID, store.FunctionChange{Code: &faas.Code{Source: faas.SourcePackage, SHA256: "a"}})
		is(t, err, faas.Unavailable)
	}
	must(t, f.AnnouncePackage(ctx, "a"))
	f.pass(15 * time.Minute)
	first := k.taken("a", true)
	k.taken("a", false)
	refused()
	is(t, f.AnnouncePackage(ctx, "a"), faas.Unavailable)
	k.undeleted()

	f.pass(time.Minute) // whoever took it has died
	is(t, f.AnnouncePackage(ctx, "a"), faas.Unavailable)
	k.undeleted("a")
	second := k.taken("a", true)
	must(t, f.PackageDeleted(ctx, "a", first)) // or was only slow
	is(t, f.AnnouncePackage(ctx, "a"), faas.Unavailable)
	must(t, f.PackageDeleted(ctx, "a", second))
	refused()
	k.taken("a", false)

	must(t, f.AnnouncePackage(ctx, "a"))
	made, err := k.make("a")
	must(t, err)
	if made.Code.SHA256 != "a" {
		t.Errorf("made %+v", made)
	}

	last := k.taken("b", true)
	must(t, f.PackageDeleted(ctx, "b", last))
	f.pass(24*time.Hour - time.Microsecond)
	k.undeleted()
	_, err = k.make("b")
	is(t, err, faas.Unavailable)
	f.pass(time.Microsecond)
	k.undeleted()
	_, err = k.make("b")
	is(t, err, "")
}

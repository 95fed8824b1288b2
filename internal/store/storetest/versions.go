package storetest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// freezer makes versions of one function.
type freezer struct {
	*fixture
	t  *testing.T
	of faas.Function
}

func newFreezer(t *testing.T, f *fixture) *freezer {
	t.Helper()
	return &freezer{f, t, f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")}
}

// change gives the function another package.
func (z *freezer) change(sha256 string, more ...func(*store.FunctionChange)) {
	z.t.Helper()
	c := store.FunctionChange{Code: &faas.Code{Source: faas.SourcePackage, MD5: "m", SHA256: sha256, Size: 5}}
	for _, m := range more {
		m(&c)
	}
	var err error
	z.of, err = z.UpdateFunction(z.t.Context(), ours, z.of.ID, c)
	must(z.t, err)
}

func (z *freezer) freeze(want int) faas.FunctionVersion {
	z.t.Helper()
	v, err := z.CreateVersion(z.t.Context(), ours, z.of.ID, "d", nil)
	if err != nil || v.Number != want {
		z.t.Fatalf("got version %d, %v; want %d", v.Number, err, want)
	}
	z.latest(want)
	return v
}

func (z *freezer) latest(want int) {
	z.t.Helper()
	f, err := z.Function(z.t.Context(), all, z.of.ID)
	if err != nil || f.LatestVersion != want {
		z.t.Errorf("the latest version is %d, %v; want %d", f.LatestVersion, err, want)
	}
}

// versions are what a function was, whatever becomes of it.
func versions(t *testing.T, f *fixture) {
	ctx, z := t.Context(), newFreezer(t, f)
	was := z.of
	first := z.freeze(1)
	_, err := f.CreateVersion(ctx, ours, z.of.ID, "", nil)
	is(t, err, faas.Forbidden)
	entry, cpu, memory, timeout := "other.main", 200, int64(1<<26), 9*time.Second
	z.change("other", func(c *store.FunctionChange) {
		c.Entry, c.CPU, c.MemorySize, c.Timeout = &entry, &cpu, &memory, &timeout
	})
	got, err := f.FunctionVersion(ctx, ours, z.of.ID, 1)
	if err != nil || !reflect.DeepEqual(got, first) || !got.RunsLike(was) || got.RunsLike(z.of) {
		t.Errorf("got %+v, %v; want %+v", got, err, first)
	}
	z.freeze(2)
	environment, secrets := faas.NewVariables(map[string]string{"A": "b"}), faas.NewVariables(map[string]string{"C": "d"})
	for i, change := range []store.FunctionChange{{Environment: &environment}, {Secrets: &secrets}} {
		z.of, err = f.UpdateFunction(ctx, ours, z.of.ID, change)
		must(t, err)
		z.freeze(3 + i)
	}
	kept, err := f.Resolve(ctx, ours, faas.FunctionRef{FunctionID: z.of.ID, Version: 3})
	if err != nil || kept.Target.Environment != environment || kept.Target.Secrets != "" {
		t.Errorf("version 3 is called with %q and %q, %v", kept.Target.Environment, kept.Target.Secrets, err)
	}
	if target := z.of.Target(); target.Environment != environment || target.Secrets != secrets {
		t.Errorf("the live code is called with %q and %q", target.Environment, target.Secrets)
	}

	callable, err := f.Resolve(ctx, ours, faas.FunctionRef{FunctionID: z.of.ID, Version: 1})
	must(t, err)
	key := faas.Key{FunctionID: z.of.ID, Version: 1, Revision: 1}
	if target := callable.Target; target.Key != key || target.SHA256 != "sf" || target.Entry != was.Entry ||
		target.CPU != was.CPU || target.MemorySize != was.MemorySize || target.RuntimeID != was.RuntimeID ||
		target.ProjectID != "ours" || callable.Function.Timeout != was.Timeout || callable.Version != 1 {
		t.Errorf("version 1 is called as %+v", callable)
	}
	for _, asked := range []faas.Key{key, {FunctionID: z.of.ID, Version: 1}} {
		if target, err := f.Target(ctx, asked); err != nil || target != callable.Target {
			t.Errorf("the target of %s is %+v, %v", asked, target, err)
		}
	}
	live, err := f.Resolve(ctx, ours, faas.FunctionRef{FunctionID: z.of.ID})
	if err != nil || live.Version != 0 || live.Target != z.of.Target() {
		t.Errorf("the live code is called as %+v, %v", live, err)
	}
	_, err = f.Resolve(ctx, ours, faas.FunctionRef{FunctionID: z.of.ID, Version: 5})
	is(t, err, faas.NotFound)
}

// versionNumbers are never given twice.
func versionNumbers(t *testing.T, f *fixture) {
	ctx, z := t.Context(), newFreezer(t, f)
	z.freeze(1)
	z.change("b")
	z.freeze(2)
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 2)))
	z.latest(1)
	_, err := f.FunctionVersion(ctx, all, z.of.ID, 2)
	is(t, err, faas.NotFound)
	_, err = f.DeleteVersion(ctx, ours, z.of.ID, 2)
	is(t, err, faas.NotFound)
	third := z.freeze(3) // it differs from 1, which is the newest that there is
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 1)))
	z.latest(3)
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 3)))
	z.latest(0)
	z.freeze(4)
	listed, err := f.FunctionVersions(ctx, ours, z.of.ID, faas.Query{})
	if err != nil || len(listed.Items) != 1 || listed.Items[0].Number != 4 || listed.Items[0].ID == third.ID {
		t.Errorf("listed %+v, %v", listed.Items, err)
	}
	other := newFreezer(t, f)
	other.freeze(1)
	listed, err = f.FunctionVersions(ctx, all, other.of.ID, faas.Query{})
	if err != nil || len(listed.Items) != 1 || listed.Items[0].FunctionID != other.of.ID {
		t.Errorf("of the other function are listed %+v, %v", listed.Items, err)
	}
}

// versionsAreBounded by the quotas of their function and of their project.
func versionsAreBounded(t *testing.T, f *fixture) {
	ctx, z := t.Context(), newFreezer(t, f)
	has := func(bytes int64) {
		t.Helper()
		if got, err := f.QuotaUsage(ctx, "ours"); err != nil || got[faas.ResourcePackages] != bytes {
			t.Errorf("%v are in use, %v; want %d bytes", got, err, bytes)
		}
	}
	limit := faas.Amounts{faas.ResourceVersions: 2, faas.ResourcePackages: 11}
	has(3)
	must(t, second(f.CreateVersion(ctx, ours, z.of.ID, "", limit)))
	has(6)
	z.change("b")
	has(8)
	_, err := f.CreateVersion(ctx, ours, z.of.ID, "", limit) // five bytes more
	is(t, err, faas.OverQuota)
	has(8)
	limit[faas.ResourcePackages] = 13
	must(t, second(f.CreateVersion(ctx, ours, z.of.ID, "", limit)))
	z.change("c")
	_, err = f.CreateVersion(ctx, ours, z.of.ID, "", faas.Amounts{faas.ResourceVersions: 2})
	is(t, err, faas.OverQuota)
	has(13)
	if n, err := f.RepairUsage(ctx); err != nil || n != 0 {
		t.Errorf("%d right counts were mended, %v", n, err)
	}
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 1)))
	has(10)
	must(t, second(f.DeleteFunction(ctx, ours, z.of.ID)))
	has(0)
}

// versionsKeep their packages and trusts for as long as they exist.
func versionsKeep(t *testing.T, f *fixture) {
	ctx, z, k := t.Context(), newFreezer(t, f), newPackageKeeper(t, f)
	trust := func(id string) {
		t.Helper()
		must(t, f.ScheduleTrustDeletion(ctx, id, time.Hour))
		z.change("s"+id, func(c *store.FunctionChange) { c.Trust = &store.FunctionTrust{ID: id, Roles: []string{"r"}} })
	}
	used := func(want ...string) {
		t.Helper()
		got, err := f.PackagesReferenced(ctx)
		must(t, err)
		for _, sha256 := range []string{"sold", "snew", "snewest"} {
			one, err := f.PackageReferenced(ctx, sha256)
			if is := slices.Contains(want, sha256); err != nil || one != is || got[sha256] != is {
				t.Errorf("package %s is in use: %v, %v, %v; want %v", sha256, one, got[sha256], err, is)
			}
		}
	}
	trusts := func(want ...string) {
		t.Helper()
		got := dueRefs(t, f, store.TrustDeletion, time.Minute)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("to be deleted are the trusts %q, want %q", got, want)
		}
	}
	trust("old")
	z.freeze(1)
	z.change("snew")
	z.freeze(2) // by the same trust
	trust("newest")
	used("sold", "snew", "snewest")
	k.left("sold", 0)
	trusts()
	callable, err := f.Resolve(ctx, ours, faas.FunctionRef{FunctionID: z.of.ID, Version: 1})
	if err != nil || callable.Target.TrustID != "old" || !slices.Equal(callable.Function.TrustRoles, []string{"r"}) {
		t.Errorf("version 1 acts by %+v, %v", callable, err)
	}
	if has, err := f.VersionHasTrust(ctx, "old"); err != nil || !has {
		t.Errorf("a version has the old trust: %v, %v", has, err)
	}
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 1)))
	used("snew", "snewest")
	trusts() // version 2 has it still
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 2)))
	used("snewest")
	trusts("old")
	z.freeze(3)
	must(t, second(f.DeleteVersion(ctx, ours, z.of.ID, 3))) // the function has its package and trust
	used("snewest")
	trusts("old")
	z.freeze(4)
	must(t, second(f.DeleteFunction(ctx, ours, z.of.ID)))
	used()
	trusts("newest", "old")
	_, err = f.FunctionVersion(ctx, all, z.of.ID, 4)
	is(t, err, faas.NotFound)
}

// versionsOfImages freeze the digest. The function's user of the registry pulls them too, as long as
// they are of its registry.
func versionsOfImages(t *testing.T, f *fixture) {
	ctx := t.Context()
	bob := faas.Registry{User: "bob", Sealed: "sealed"}
	code := faas.Code{Source: faas.SourceImage, Image: "example.org/a:1", Protocol: faas.ProtocolRun}
	made, err := f.CreateFunction(ctx, faas.Function{ProjectID: "ours", Code: code, Timeout: time.Second}, nil)
	must(t, err)
	_, err = f.CreateVersion(ctx, ours, made.ID, "", nil)
	is(t, err, faas.Forbidden) // nobody has looked which image it is
	code.Digest = "sha256:one"
	changed, err := f.UpdateFunction(ctx, ours, made.ID, store.FunctionChange{Code: &code, Registry: &bob})
	must(t, err)
	if changed.Revision == made.Revision || changed.Registry != bob {
		t.Errorf("changed to %+v", changed)
	}
	_, err = f.CreateVersion(ctx, ours, made.ID, "", nil)
	must(t, err)
	_, err = f.CreateVersion(ctx, ours, made.ID, "", nil)
	is(t, err, faas.Forbidden) // nothing has changed
	runs := func(version int, image string, as faas.Registry) {
		t.Helper()
		c, err := f.Resolve(ctx, ours, faas.FunctionRef{FunctionID: made.ID, Version: version})
		must(t, err)
		if c.Target.Image != image || c.Target.Registry != as {
			t.Errorf("version %d runs %s as %+v, want %s as %+v", version, c.Target.Image, c.Target.Registry, image, as)
		}
	}
	code.Digest = "sha256:two"
	alice := faas.Registry{User: "alice", Sealed: "sealed too"}
	must(t, second(f.UpdateFunction(ctx, ours, made.ID, store.FunctionChange{Code: &code, Registry: &alice})))
	runs(0, "example.org/a@sha256:two", alice)
	runs(1, "example.org/a@sha256:one", alice)
	must(t, second(f.CreateVersion(ctx, ours, made.ID, "", nil)))
	runs(2, "example.org/a@sha256:two", alice)
	code.Image = "other.org/a:1"
	must(t, second(f.UpdateFunction(ctx, ours, made.ID, store.FunctionChange{Code: &code})))
	runs(0, "other.org/a@sha256:two", alice)
	runs(1, "example.org/a@sha256:one", faas.Registry{})
	must(t, second(f.DeleteVersion(ctx, ours, made.ID, 1)))
	must(t, second(f.DeleteFunction(ctx, ours, made.ID)))
}

// versionCounts are of the executions of that version alone.
func versionCounts(t *testing.T, f *fixture) {
	ctx, z := t.Context(), newFreezer(t, f)
	z.freeze(1)
	for version, calls := range map[int]int{0: 2, 1: 3} {
		for range calls {
			x := execution("ours", z.of.ID)
			x.FunctionVersion = version
			must(t, f.Enqueue(ctx, x))
		}
	}
	again := f.reopen() // which adds the counts first
	got, err := again.Function(ctx, ours, z.of.ID)
	if err != nil || got.Count != 2 {
		t.Errorf("the live code was called %d times, %v", got.Count, err)
	}
	v, err := again.FunctionVersion(ctx, ours, z.of.ID, 1)
	if err != nil || v.Count != 3 {
		t.Errorf("version 1 was called %d times, %v", v.Count, err)
	}
}

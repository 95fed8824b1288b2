package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

func functions(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "others", true)
	made := f.function(t, "ours", r.ID, "f")
	got, err := f.Function(ctx, ours, made.ID)
	if err != nil || !reflect.DeepEqual(got, made) || got.Revision != 1 {
		t.Errorf("got %+v, %v; want %+v", got, err, made)
	}
	if in, err := f.PackagesReferenced(ctx); err != nil || len(in) != 1 || !in["sf"] {
		t.Errorf("packages in use: %v, %v", in, err)
	}
	used, err := f.PackageReferenced(ctx, "sf")
	if err != nil || !used {
		t.Errorf("its package is in use: %v, %v", used, err)
	}
	_, err = f.CreateFunction(
		ctx,
		faas.Function{ProjectID: "ours", RuntimeID: faas.NewID(), Code: faas.Code{Source: faas.SourcePackage}},
		nil,
	)
	is(t, err, faas.Invalid)
	private := f.runtime(t, "theirs", false)
	_, err = f.CreateFunction(
		ctx,
		faas.Function{ProjectID: "ours", RuntimeID: private.ID, Code: faas.Code{Source: faas.SourcePackage}},
		nil,
	)
	is(t, err, faas.Invalid)
	must(t, f.SetRuntimeStatus(ctx, r.ID, faas.RuntimeError, "why"))
	_, err = f.CreateFunction(
		ctx, faas.Function{ProjectID: "ours", RuntimeID: r.ID, Code: faas.Code{Source: faas.SourcePackage}},
		nil,
	)
	is(t, err, faas.Conflict)
	gone, err := f.DeleteFunction(ctx, ours, made.ID)
	if err != nil || !reflect.DeepEqual(gone, made) {
		t.Errorf("deleted %+v, %v", gone, err)
	}
	_, err = f.Function(ctx, ours, made.ID)
	is(t, err, faas.NotFound)
	if used, _ := f.PackageReferenced(ctx, "sf"); used {
		t.Error("its package is in use still")
	}
}

func revision(t *testing.T, f *fixture) {
	made := f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")
	text, entry, same, cpu, memory, timeout := "x", "other.main", "other.main", 200, int64(1<<26), 9*time.Second
	code := faas.Code{Source: faas.SourcePackage, SHA256: "another"}
	one, none := faas.NewVariables(map[string]string{"A": "b"}), faas.NewVariables(nil)
	want := int64(1)
	for _, c := range []struct {
		change store.FunctionChange
		grows  bool
	}{
		{store.FunctionChange{}, false}, {store.FunctionChange{Name: &text, Description: &text}, false},
		{store.FunctionChange{Timeout: &timeout}, false}, {store.FunctionChange{Entry: &entry}, true},
		{store.FunctionChange{Entry: &same}, false}, {store.FunctionChange{CPU: &cpu}, true},
		{store.FunctionChange{MemorySize: &memory}, true}, {store.FunctionChange{Code: &code}, true},
		{store.FunctionChange{Environment: &one}, true}, {store.FunctionChange{Environment: &one}, false},
		{store.FunctionChange{Secrets: &one}, true}, {store.FunctionChange{Secrets: &none}, true},
	} {
		if c.grows {
			want++
		}
		got, err := f.UpdateFunction(t.Context(), ours, made.ID, c.change)
		if err != nil || got.Revision != want {
			t.Errorf("%+v: revision %d, want %d, %v", c.change, got.Revision, want, err)
		}
	}
	late := "late"
	_, err := f.UpdateFunction(t.Context(), ours, made.ID, store.FunctionChange{Name: &late, Revision: want - 1})
	is(t, err, faas.Conflict)
	if got, err := f.UpdateFunction(t.Context(), ours, made.ID, store.FunctionChange{CPU: &cpu, Revision: want}); err != nil ||
		got.Name == late ||
		got.Revision != want {
		t.Errorf("%+v, %v", got, err)
	}
}

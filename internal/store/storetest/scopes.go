package storetest

import (
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// scopes is every method asked with another project's scope: not found, and nothing changed.
func scopes(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", false)
	fn := f.function(t, "ours", r.ID, "f")
	must(t, second(f.CreateVersion(ctx, ours, fn.ID, "", nil)))
	x := execution("ours", fn.ID)
	must(t, f.Enqueue(ctx, x))
	name := "stolen"
	for what, err := range map[string]error{
		"runtime":          second(f.Runtime(ctx, theirs, r.ID)),
		"update runtime":   second(f.UpdateRuntime(ctx, theirs, r.ID, store.RuntimeChange{Name: &name})),
		"delete runtime":   f.DeleteRuntime(ctx, theirs, r.ID),
		"function":         second(f.Function(ctx, theirs, fn.ID)),
		"update function":  second(f.UpdateFunction(ctx, theirs, fn.ID, store.FunctionChange{Name: &name})),
		"delete function":  second(f.DeleteFunction(ctx, theirs, fn.ID)),
		"version":          second(f.FunctionVersion(ctx, theirs, fn.ID, 1)),
		"create version":   second(f.CreateVersion(ctx, theirs, fn.ID, "", nil)),
		"delete version":   second(f.DeleteVersion(ctx, theirs, fn.ID, 1)),
		"call":             second(f.Resolve(ctx, theirs, faas.FunctionRef{FunctionID: fn.ID})),
		"call of version":  second(f.Resolve(ctx, theirs, faas.FunctionRef{FunctionID: fn.ID, Version: 1})),
		"execution":        second(f.Execution(ctx, theirs, x.ID)),
		"log":              second(f.ExecutionLog(ctx, theirs, x.ID)),
		"delete execution": f.DeleteExecution(ctx, theirs, x.ID),
		"nobody's scope":   second(f.Function(ctx, faas.Scope{}, fn.ID)),
	} {
		if faas.KindOf(err) != faas.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	none, err := f.Functions(
		ctx, theirs,
		faas.Query{Filters: []faas.Filter{{Field: "project_id", Op: "eq", Values: []string{"ours"}}}},
	)
	if err != nil || len(none.Items) != 0 {
		t.Errorf("a filter reached another project: %v, %v", none, err)
	}
	if none, err := f.FunctionVersions(ctx, theirs, fn.ID, faas.Query{}); err != nil || len(none.Items) != 0 {
		t.Errorf("another project's versions are listed: %v, %v", none, err)
	}
	if public, _ := f.Runtimes(ctx, theirs, faas.Query{}); len(public.Items) != 0 {
		t.Errorf("a private runtime is listed: %v", public)
	}
	nobody(t, f)
	shared := f.runtime(t, "ours", true)
	if _, err := f.Runtime(ctx, theirs, shared.ID); err != nil {
		t.Errorf("a public runtime: %v", err)
	}
	is(t, f.DeleteRuntime(ctx, theirs, shared.ID), faas.NotFound)
	everyone, err := f.Functions(ctx, all, faas.Query{})
	if err != nil || len(everyone.Items) != 1 || everyone.Items[0].ID != fn.ID {
		t.Errorf("all projects: %v, %v", everyone, err)
	}
}

// nobody is the zero scope, which sees nothing: not even what is public, or what belongs to no
// project.
func nobody(t *testing.T, f *fixture) {
	r := f.runtime(t, "", true)
	_, err := f.Runtime(t.Context(), faas.Scope{}, r.ID)
	is(t, err, faas.NotFound)
	if listed, err := f.Runtimes(t.Context(), faas.Scope{}, faas.Query{}); err != nil || len(listed.Items) != 0 {
		t.Errorf("nobody's scope lists %v, %v", listed, err)
	}
	must(t, f.DeleteRuntime(t.Context(), all, r.ID))
}

func second[T any](_ T, err error) error { return err }

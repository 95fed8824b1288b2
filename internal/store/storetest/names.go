package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// namesFound has things found by their names: exactly, and in their project alone.
func namesFound(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", false)
	one, odd := f.function(t, "ours", r.ID, "one"), f.function(t, "ours", r.ID, "odd")
	name := `50% of_it's "ünïcode" 🙂`
	odd, err := f.UpdateFunction(ctx, ours, odd.ID, store.FunctionChange{Name: &name})
	must(t, err)
	var twins []faas.Named
	for range 2 {
		twins = append(twins, faas.Named{ID: f.function(t, "ours", r.ID, "twin").ID, Name: "twin"})
	}
	for _, fn := range []faas.Function{one, odd} {
		if id, err := f.FunctionID(ctx, "ours", fn.Name); id != fn.ID || err != nil {
			t.Errorf("%s: %s, %v", fn.Name, id, err)
		}
	}
	for _, none := range []struct{ project, name string }{
		{"ours", "One"}, {"ours", "one "}, {"ours", " one"}, {"ours", "on"}, {"ours", "%"},
		{"ours", "one' OR '1'='1"}, {"ours", ""},
		{"theirs", "one"}, {"", "one"},
	} {
		is(t, second(f.FunctionID(ctx, none.project, none.name)), faas.NotFound)
	}
	var ambiguous *faas.Error
	if _, err := f.FunctionID(ctx, "ours", "twin"); !errors.As(err, &ambiguous) || ambiguous.Kind != faas.Conflict ||
		!slices.Equal(ambiguous.Candidates, twins) {
		t.Errorf("two of one name: %v", err)
	}
	must(t, second(f.DeleteFunction(ctx, ours, twins[0].ID)))
	if id, err := f.FunctionID(ctx, "ours", "twin"); id != twins[1].ID || err != nil {
		t.Errorf("one of two is gone: %s, %v", id, err)
	}

	j := f.job(t, one.ID, func(j *faas.Job) { j.Name = "nightly" })
	if id, err := f.JobID(ctx, "ours", "nightly"); id != j.ID || err != nil {
		t.Errorf("a job: %s, %v", id, err)
	}
	is(t, second(f.JobID(ctx, "theirs", "nightly")), faas.NotFound)

	if id, err := f.RuntimeID(ctx, "ours", "r"); id != r.ID || err != nil {
		t.Errorf("a runtime: %s, %v", id, err)
	}
	is(t, second(f.RuntimeID(ctx, "theirs", "r")), faas.NotFound)
	public := f.runtime(t, "ours", true)
	if id, err := f.RuntimeID(ctx, "theirs", "r"); id != public.ID || err != nil {
		t.Errorf("a public runtime: %s, %v", id, err)
	}
	is(t, second(f.RuntimeID(ctx, "ours", "r")), faas.Conflict)
}

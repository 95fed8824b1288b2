package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// retention deletes what one project or function keeps no longer, in steps, the oldest first, and
// nothing of others.
func retention(t *testing.T, f *fixture) {
	ctx := t.Context()
	begun := f.now()
	one, other := faas.NewID(), faas.NewID()
	record := func(project, function string, ended bool) string {
		x := execution(project, function)
		x.CreatedAt = f.now()
		must(t, f.Enqueue(ctx, x))
		if ended {
			must(t, f.end(t, x))
		}
		f.pass(time.Hour)
		return x.ID
	}
	open := record("ours", one, false)
	var ours, second, others []string
	for range 4 {
		ours = append(ours, record("ours", one, true))
		second = append(second, record("ours", other, true))
		others = append(others, record("theirs", faas.NewID(), true))
	}
	there := func(want ...[]string) {
		t.Helper()
		page, err := f.Executions(ctx, all, faas.Query{})
		must(t, err)
		var got []string
		for _, x := range page.Items {
			got = append(got, x.ID)
		}
		all := append(slices.Concat(want...), open)
		slices.Sort(all)
		if slices.Sort(got); !slices.Equal(got, all) {
			t.Errorf("%d are there, want %d", len(got), len(all))
		}
	}
	step := func(n int, err error) func(want int) {
		return func(want int) {
			t.Helper()
			if err != nil || n != want {
				t.Errorf("deleted %d, want %d, %v", n, want, err)
			}
		}
	}
	step(f.PurgeFunction(ctx, one, f.now(), 1))(1)
	there(ours[1:], second, others)
	cut := begun.Add(6 * time.Hour) // what ended at it stays
	step(f.PurgeFunction(ctx, one, cut, 10))(1)
	there(ours[2:], second, others)
	step(f.PurgeFunction(ctx, one, cut, 10))(0)
	step(f.PurgeProject(ctx, "ours", cut, 10))(2)
	there(ours[2:], second[2:], others)

	step(f.PurgeAllBut(ctx, other, 2, 10))(0)
	step(f.PurgeAllBut(ctx, other, 7, 10))(0)
	step(f.PurgeAllBut(ctx, other, 1, 10))(1)
	step(f.PurgeAllBut(ctx, one, 3, 10))(0) // with the one that has not ended there are three
	step(f.PurgeAllBut(ctx, one, 0, 1))(1)
	step(f.PurgeAllBut(ctx, one, 0, 10))(1)
	step(f.PurgeAllBut(ctx, one, 0, 10))(0)
	there(second[3:], others)
	step(f.PurgeAllBut(ctx, faas.NewID(), 0, 10))(0)
}

// end claims and ends an execution that is queued.
func (f *fixture) end(t *testing.T, x faas.Execution) error {
	t.Helper()
	_, _, err := f.Claim(t.Context(), x.ID, "engine", time.Minute)
	must(t, err)
	return f.Finish(t.Context(), x.ID, store.Ending{Status: faas.ExecutionSuccess, ProjectID: x.ProjectID})
}

// retentionAtOnce keeps the newest of executions that were made at the same moment.
func retentionAtOnce(t *testing.T, f *fixture) {
	ctx := t.Context()
	function := faas.NewID()
	var ids []string
	for range 5 {
		x := execution("ours", function)
		x.CreatedAt = f.now()
		must(t, f.Enqueue(ctx, x))
		must(t, f.end(t, x))
		ids = append(ids, x.ID)
	}
	slices.Sort(ids)
	if n, err := f.PurgeAllBut(ctx, function, 2, 10); err != nil || n != 3 {
		t.Errorf("deleted %d, want 3, %v", n, err)
	}
	for n, id := range ids {
		if _, err := f.Execution(ctx, ours, id); (faas.KindOf(err) == faas.NotFound) != (n < 3) {
			t.Errorf("the record %d: %v", n, err)
		}
	}
}

// retentions are walked through in pages, and so are the projects that have records.
func retentions(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", true)
	want := map[string]store.Retained{}
	for n, project := range []string{"a", "b", "c"} {
		made := f.function(t, project, r.ID, "f")
		own := faas.Retention{Days: int64(n), Count: int64(10 * n)}
		_, err := f.UpdateFunction(ctx, all, made.ID, store.FunctionChange{Retention: &own})
		must(t, err)
		want[made.ID] = store.Retained{FunctionID: made.ID, ProjectID: project, Retention: own}
		must(t, f.Enqueue(ctx, execution(project, made.ID)))
	}
	after, n := "", 0
	for {
		page, err := f.RetentionsOf(ctx, after, 2)
		must(t, err)
		for _, got := range page {
			same(t, "retention", got, want[got.FunctionID])
			after = got.FunctionID
			n++
		}
		if len(page) < 2 {
			break
		}
	}
	if n != 3 {
		t.Errorf("walked through %d functions", n)
	}
	again := f.reopen() // which adds up what projects have first
	first, err := again.ProjectsWithRecords(ctx, "", 2)
	must(t, err)
	rest, err := again.ProjectsWithRecords(ctx, "b", 2)
	must(t, err)
	if !slices.Equal(first, []string{"a", "b"}) || !slices.Equal(rest, []string{"c"}) {
		t.Errorf("projects with records: %q, %q", first, rest)
	}
}

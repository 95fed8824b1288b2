package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// job makes a running job of a function of ours.
func (f *fixture) job(t *testing.T, function string, changes ...func(*faas.Job)) faas.Job {
	t.Helper()
	j := faas.Job{
		ProjectID: "ours", UserID: "u", Calls: faas.FunctionRef{FunctionID: function}, Input: `{"n":1}`, Pattern: "* * * * *",
		Count: 2, Status: faas.JobRunning, NextAt: f.now().Add(time.Hour),
	}
	for _, change := range changes {
		change(&j)
	}
	made, err := f.CreateJob(t.Context(), j, nil)
	must(t, err)
	return made
}

// planned returns the item of a job, due within the time; false when there is none.
func (f *fixture) planned(t *testing.T, id string, within time.Duration) (store.DueItem, bool) {
	t.Helper()
	return f.item(t, store.JobExecution, id, within)
}

// item returns the item of the kind and ref, due within the time; false when there is none.
func (f *fixture) item(t *testing.T, kind, ref string, within time.Duration) (store.DueItem, bool) {
	t.Helper()
	var shards []int
	for shard := range int(f.Shards()) {
		shards = append(shards, shard)
	}
	items, err := f.DueItems(t.Context(), store.DueQuery{
		Shards: shards, Room: map[string]int{kind: 1000}, Within: within,
	})
	must(t, err)
	for _, i := range items {
		if i.Ref == ref {
			return i, true
		}
	}
	return store.DueItem{}, false
}

// inHand takes the item of a job in hand, whenever it is due.
func (f *fixture) inHand(t *testing.T, id string) store.DueItem {
	t.Helper()
	return f.taken(t, store.JobExecution, id)
}

// taken takes an item in hand, whenever it is due.
func (f *fixture) taken(t *testing.T, kind, ref string) store.DueItem {
	t.Helper()
	must(t, second(f.RetryDue(t.Context(), kind, ref)))
	i, ok := f.item(t, kind, ref, 0)
	if !ok {
		t.Fatalf("the %s is not due", kind)
	}
	o, err := f.TakeShard(t.Context(), i.Shard, "engine")
	must(t, err)
	taken, err := f.TakeDue(t.Context(), o, []store.DueItem{i}, func(string) time.Duration { return time.Minute })
	must(t, err)
	if len(taken) != 1 {
		t.Fatalf("taken are %v", taken)
	}
	return taken[0]
}

// jobs are made, changed, listed and deleted, each within its project, and due while they run.
func jobs(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", true)
	fn, foreign := f.function(t, "ours", r.ID, "f"), f.function(t, "theirs", r.ID, "g")
	for what, ref := range map[string]faas.FunctionRef{
		"another project's function": {FunctionID: foreign.ID}, "no function": {FunctionID: faas.NewID()},
		"no version": {FunctionID: fn.ID, Version: 7}, "no alias": {Alias: "none"},
	} {
		if _, err := f.CreateJob(ctx, faas.Job{ProjectID: "ours", Calls: ref}, nil); faas.KindOf(err) != faas.NotFound {
			t.Errorf("created for %s: %v", what, err)
		}
	}
	made := f.job(t, fn.ID)
	due := func(within time.Duration, want bool) {
		t.Helper()
		if _, ok := f.planned(t, made.ID, within); ok != want {
			t.Errorf("due within %v: %v, want %v", within, ok, want)
		}
	}
	due(50*time.Minute, false)
	due(time.Hour, true)
	f.pass(time.Second)
	rename := func(j *faas.Job) error { j.Name, j.Input = "n", ""; return nil }
	got, err := f.UpdateJob(ctx, ours, made.ID, rename)
	must(t, err)
	want := made
	want.Name, want.Input, want.UpdatedAt = "n", "", f.now().Truncate(time.Microsecond)
	same(t, "changed", got, want)
	got, err = f.Job(ctx, ours, made.ID)
	must(t, err)
	same(t, "read", got, want)
	due(time.Hour, true)
	for _, status := range []faas.JobStatus{faas.JobPaused, faas.JobRunning, faas.JobCancelled} {
		must(t, second(f.UpdateJob(ctx, ours, made.ID, func(j *faas.Job) error { j.Status = status; return nil })))
		due(time.Hour, status == faas.JobRunning)
	}
	broken := errors.New("no")
	refuse := func(j *faas.Job) error { j.Name = "x"; return broken }
	if _, err := f.UpdateJob(ctx, ours, made.ID, refuse); !errors.Is(err, broken) {
		t.Errorf("refused with %v", err)
	}
	cancelled := []faas.Filter{{Field: "status", Op: "eq", Values: []string{"cancelled"}}}
	page, err := f.Jobs(ctx, ours, faas.Query{Filters: cancelled})
	if err != nil || len(page.Items) != 1 || page.Items[0].Name != "n" {
		t.Errorf("listed: %+v, %v", page, err)
	}
	if page, err = f.Jobs(ctx, theirs, faas.Query{}); err != nil || len(page.Items) != 0 {
		t.Errorf("another project lists %+v, %v", page, err)
	}
	is(t, second(f.Job(ctx, theirs, made.ID)), faas.NotFound)
	is(t, second(f.UpdateJob(ctx, theirs, made.ID, rename)), faas.NotFound)
	is(t, f.DeleteJob(ctx, theirs, made.ID), faas.NotFound)
	again := f.job(t, fn.ID)
	must(t, f.DeleteJob(ctx, ours, again.ID))
	is(t, second(f.Job(ctx, ours, again.ID)), faas.NotFound)
	if _, ok := f.planned(t, again.ID, time.Hour); ok {
		t.Error("a deleted job is due")
	}
}

// firings are an execution each, with all that belongs to it or not at all.
func firings(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", true).ID, "f")
	j := f.job(t, fn.ID)
	executions := func() int {
		t.Helper()
		page, err := f.Executions(ctx, ours, faas.Query{})
		must(t, err)
		return len(page.Items)
	}
	fire := func(i store.DueItem, before, after faas.Job) error {
		x := before.Execution(faas.Callable{Function: fn})
		x.Status, x.CreatedAt = faas.ExecutionQueued, f.now()
		return f.FireJob(ctx, i, before, after, &x)
	}
	item := f.inHand(t, j.ID)
	after := j.Executed(j.NextAt.Add(time.Minute))
	must(t, fire(item, j, after))
	got, err := f.Job(ctx, ours, j.ID)
	must(t, err)
	same(t, "executed", got, after)
	if _, ok := f.planned(t, j.ID, 2*time.Hour); !ok || executions() != 1 || got.Count != 1 || got.Status != faas.JobRunning {
		t.Errorf("due %v, %d executions of %+v", ok, executions(), got)
	}
	// What was done is not done again: neither by the one who did it, nor by one who knows no better.
	if err := fire(item, j, after); !errors.Is(err, store.ErrJobChanged) {
		t.Errorf("fired twice: %v", err)
	}
	if err := fire(item, got, got.Executed(time.Time{})); !errors.Is(err, store.ErrNotInHand) {
		t.Errorf("fired without an item: %v", err)
	}
	item = f.inHand(t, j.ID)
	must(t, f.NoteJob(ctx, j.ID, strings.Repeat("é", 2000)))
	if noted, err := f.Job(ctx, ours, j.ID); err != nil || len(noted.StatusReason) != 1000 {
		t.Errorf("noted %+v, %v", noted, err)
	}
	if err := fire(item, got, got.Executed(time.Time{})); !errors.Is(err, store.ErrJobChanged) {
		t.Errorf("fired a job that has changed: %v", err)
	}
	if n := executions(); n != 1 {
		t.Errorf("there are %d executions", n)
	}
	got, err = f.Job(ctx, ours, j.ID)
	must(t, err)
	must(t, fire(item, got, got.Executed(got.NextAt.Add(time.Minute))))
	got, err = f.Job(ctx, ours, j.ID)
	must(t, err)
	if _, ok := f.planned(t, j.ID, 24*time.Hour); ok || executions() != 2 || got.Count != 0 || got.Status != faas.JobDone ||
		!got.NextAt.IsZero() || got.StatusReason != "" {
		t.Errorf("due %v, %d executions of %+v", ok, executions(), got)
	}
	skipped := f.job(t, fn.ID, func(j *faas.Job) { j.Pattern, j.Count = "", 1 })
	must(t, f.FireJob(ctx, f.inHand(t, skipped.ID), skipped, skipped.Skipped(time.Time{}, "why"), nil))
	got, err = f.Job(ctx, ours, skipped.ID)
	if err != nil || got.Status != faas.JobError || got.StatusReason != "why" || got.Count != 1 || executions() != 2 {
		t.Errorf("skipped: %+v, %v", got, err)
	}
	page, err := f.Executions(ctx, ours, faas.Query{})
	if err != nil || page.Items[0].Description != "Created by Job "+j.ID {
		t.Errorf("executed are %+v, %v", page.Items, err)
	}
	f.queued(t, 2)
}

// queued expects that so many of our executions are counted and may be claimed.
func (f *fixture) queued(t *testing.T, want int) {
	t.Helper()
	used, err := f.RecordUsage(t.Context(), "ours")
	if err != nil || used[faas.ResourceQueued] != int64(want) {
		t.Errorf("counted are %v, %v", used, err)
	}
	ids, err := f.QueuedExecutions(t.Context(), "", 100)
	must(t, err)
	if len(ids) != want {
		t.Errorf("queued are %d", len(ids))
	}
	for _, id := range ids {
		x, claimed, err := f.Claim(t.Context(), id, "engine", time.Minute)
		if err != nil || !claimed || x.Input != `{"n":1}` || x.UserID != "u" {
			t.Errorf("claimed %+v, %v, %v", x, claimed, err)
		}
	}
}

// functionsOfJobs cannot be deleted before their jobs have ended.
func functionsOfJobs(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", true).ID, "f")
	j := f.job(t, fn.ID)
	for _, status := range []faas.JobStatus{faas.JobRunning, faas.JobPaused, faas.JobCancelled} {
		must(t, second(f.UpdateJob(ctx, ours, j.ID, func(j *faas.Job) error { j.Status = status; return nil })))
		_, err := f.DeleteFunction(ctx, ours, fn.ID)
		if status.Ended() {
			must(t, err)
			continue
		}
		is(t, err, faas.Conflict)
		if err == nil || !strings.Contains(err.Error(), "job "+j.ID) {
			t.Errorf("refused with %v", err)
		}
	}
	got, err := f.Job(ctx, ours, j.ID)
	if err != nil || got.Calls.FunctionID != "" {
		t.Errorf("the job is %+v, %v", got, err)
	}
}

// jobQuota counts the jobs of a project.
func jobQuota(t *testing.T, f *fixture) {
	ctx, one := t.Context(), faas.Amounts{faas.ResourceJobs: 1}
	fn := f.function(t, "ours", f.runtime(t, "ours", true).ID, "f")
	j := faas.Job{ProjectID: "ours", Calls: faas.FunctionRef{FunctionID: fn.ID}, Status: faas.JobPaused}
	made, err := f.CreateJob(ctx, j, one)
	must(t, err)
	is(t, second(f.CreateJob(ctx, j, one)), faas.OverQuota)
	must(t, f.DeleteJob(ctx, ours, made.ID))
	must(t, second(f.CreateJob(ctx, j, one)))
	if repaired, err := f.RepairUsage(ctx); repaired != 0 || err != nil {
		t.Errorf("repaired %d, %v", repaired, err)
	}
}

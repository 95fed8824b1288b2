package jobs

import (
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/internal/submit"
)

const project = "p"

// rig is a firer on a database, with a clock that goes on when the test says so.
type rig struct {
	*testing.T
	at       time.Time
	store    *store.Store
	quotas   *quota.Quotas
	firer    *Firer
	function string
}

func newRig(t *testing.T, at string) *rig {
	t.Helper()
	r := &rig{T: t}
	r.set(at)
	now := func() time.Time { return r.at }
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	var err error
	r.store, err = store.Open(t.Context(), url, store.Options{Now: now})
	r.must(err)
	b := broker.NewInProcess()
	t.Cleanup(func() { r.must(errors.Join(b.Close(), r.store.Close())) })
	r.quotas = quota.New(quota.Config{
		Driver: quota.Database{Store: r.store.QuotaStore}, Defaults: faas.Amounts{faas.ResourceCalls: faas.Unlimited},
	})
	log := slog.New(slog.DiscardHandler)
	submitter := submit.New(submit.Config{
		Executions: r.store.ExecutionLifecycle, Broker: b,
		Calls: quota.NewCalls(r.quotas, r.store.Shards(), now), Log: log, Now: now,
	})
	r.firer = New(Config{
		Jobs: r.store.JobStore, Functions: r.store.FunctionStore, Submit: submitter, Now: now, Log: log,
	})
	rt, err := r.store.CreateRuntime(t.Context(), faas.Runtime{ProjectID: project, Image: "python3", IsPublic: true})
	r.must(err)
	r.must(r.store.SetRuntimeStatus(t.Context(), rt.ID, faas.RuntimeAvailable, ""))
	f, err := r.store.CreateFunction(t.Context(), faas.Function{
		ProjectID: project, RuntimeID: rt.ID, Entry: faas.DefaultEntry,
		Code: faas.Code{Source: faas.SourcePackage, SHA256: "0"},
	}, nil)
	r.must(err)
	r.function = f.ID
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) set(at string) {
	r.Helper()
	var err error
	r.at, err = time.Parse(time.RFC3339, at)
	r.must(err)
}

// make makes a job that runs.
func (r *rig) make(pattern, zone string, count int, next string) faas.Job {
	r.Helper()
	at, err := time.Parse(time.RFC3339, next)
	r.must(err)
	j, err := r.store.CreateJob(r.Context(), faas.Job{
		ProjectID: project, Calls: faas.FunctionRef{FunctionID: r.function}, Pattern: pattern, TimeZone: zone, Count: count,
		Status: faas.JobRunning, NextAt: at,
	}, nil)
	r.must(err)
	return j
}

func (r *rig) job(id string) faas.Job {
	r.Helper()
	j, err := r.store.Job(r.Context(), faas.AnyProject(), id)
	r.must(err)
	return j
}

// due takes the item of a job in hand. By the database's clock, which is not the test's, it may be
// due years from now.
func (r *rig) due(id string) store.DueItem {
	r.Helper()
	shard := r.store.Shards().Of(id)
	find := func() []store.DueItem {
		items, err := r.store.DueItems(r.Context(), store.DueQuery{
			Shards: []int{shard}, Room: map[string]int{store.JobExecution: 100},
		})
		r.must(err)
		// Others may be due in the same shard.
		return slices.DeleteFunc(items, func(i store.DueItem) bool { return i.Ref != id })
	}
	items := find()
	if len(items) == 0 {
		_, err := r.store.RetryDue(r.Context(), store.JobExecution, id)
		r.must(err)
		items = find()
	}
	o, err := r.store.TakeShard(r.Context(), shard, "engine")
	r.must(err)
	taken, err := r.store.TakeDue(r.Context(), o, items, func(string) time.Duration { return time.Hour })
	r.must(err)
	if len(taken) != 1 || taken[0].Ref != id {
		r.Fatalf("taken are %+v", taken)
	}
	return taken[0]
}

// fire fires a job as the runner of due work does.
func (r *rig) fire(id string) error {
	r.Helper()
	i := r.due(id)
	next, err := r.firer.Fire(r.Context(), i)
	switch {
	case err != nil:
		r.must(r.store.DueFailed(r.Context(), i, 0, err.Error()))
	case next != duework.Recorded():
		r.Fatalf("fired with %+v", next)
	}
	return err
}

// executed returns for when the job was executed, of those times that are asked about, and checks
// that there are no other executions.
func (r *rig) executed(j faas.Job, times ...time.Time) (at []string) {
	r.Helper()
	page, err := r.store.Executions(r.Context(), faas.AnyProject(), faas.Query{Filters: []faas.Filter{{
		Field: "description", Op: "eq", Values: []string{"Created by Job " + j.ID},
	}}})
	r.must(err)
	for _, t := range times {
		if slices.ContainsFunc(page.Items, func(x faas.Execution) bool { return x.ID == faas.IDOf(j.ID, t) }) {
			at = append(at, t.Format("01-02T15:04:05"))
		}
	}
	if len(at) != len(page.Items) {
		r.Errorf("%d executions, of the times asked about %v", len(page.Items), at)
	}
	return at
}

// TestClocksAreChanged has a job for each night executed once each night, at a time that the clocks
// skip in spring and show twice in autumn.
func TestClocksAreChanged(t *testing.T) {
	for _, c := range []struct{ now, first, times string }{
		{"2030-03-29T12:00:00Z", "2030-03-30T01:30:00Z", "03-30T01:30:00 03-31T01:30:00 04-01T00:30:00"},
		{"2030-10-25T12:00:00Z", "2030-10-26T00:30:00Z", "10-26T00:30:00 10-27T00:30:00 10-28T01:30:00"},
	} {
		r := newRig(t, c.now)
		j := r.make("30 2 * * *", "Europe/Berlin", 3, c.first)
		var times []time.Time
		for now := j; now.Status == faas.JobRunning; now = r.job(j.ID) {
			times = append(times, now.NextAt)
			r.at = now.NextAt.Add(50 * time.Millisecond)
			r.must(r.fire(j.ID))
		}
		if got := strings.Join(r.executed(j, times...), " "); got != c.times {
			t.Errorf("executed at %s, want %s", got, c.times)
		}
	}
}

// TestLate has an engine come late: by a moment, when each of the times that passed has its
// execution, and by an hour, when they have one together.
func TestLate(t *testing.T) {
	r := newRig(t, "2030-01-01T00:00:07Z")
	j := r.make("* * * * * */2", "", faas.JobEndless, "2030-01-01T00:00:00Z")
	var times []time.Time
	for now := j; !now.NextAt.After(r.at); now = r.job(j.ID) {
		times = append(times, now.NextAt)
		r.must(r.fire(j.ID))
	}
	want := []string{"01-01T00:00:00", "01-01T00:00:02", "01-01T00:00:04", "01-01T00:00:06"}
	if got := r.executed(j, times...); !slices.Equal(got, want) {
		t.Errorf("executed at %v, want %v", got, want)
	}
	r.set("2030-01-01T01:00:01Z")
	times = append(times, r.job(j.ID).NextAt)
	r.must(r.fire(j.ID))
	if got := r.executed(j, times...); len(got) != 5 {
		t.Errorf("executed at %v", got)
	}
	if next := r.job(j.ID).NextAt; !next.Equal(time.Date(2030, 1, 1, 1, 0, 2, 0, time.UTC)) {
		t.Errorf("the next is at %s", next)
	}
}

// TestOverQuota has a quota refuse executions: they are tried again until the next is due, then
// skipped, and the job says so.
func TestOverQuota(t *testing.T) {
	r := newRig(t, "2030-01-01T00:01:00Z")
	allow := func(calls int64) {
		t.Helper()
		r.must(r.quotas.Set(t.Context(), project, map[faas.Resource]*int64{faas.ResourceCalls: &calls}))
	}
	allow(0)
	j := r.make("* * * * *", "", 2, "2030-01-01T00:01:00Z")
	pause := FirstRetry
	for r.at.Add(pause).Before(j.NextAt.Add(time.Minute)) {
		if err := r.fire(j.ID); faas.KindOf(err) != faas.Busy {
			t.Fatalf("over the quota: %v", err)
		}
		if got := r.job(j.ID); !got.NextAt.Equal(j.NextAt) || !strings.Contains(got.StatusReason, "calls_per_minute") {
			t.Errorf("refused is %+v", got)
		}
		r.at = r.at.Add(pause)
		pause *= 2
	}
	r.must(r.fire(j.ID))
	got := r.job(j.ID)
	if !got.NextAt.Equal(j.NextAt.Add(time.Minute)) || got.Count != 2 || got.Status != faas.JobRunning ||
		!strings.HasPrefix(got.StatusReason, "The execution of 2030-01-01T00:01:00Z was skipped: ") ||
		!strings.Contains(got.StatusReason, "calls_per_minute") {
		t.Errorf("skipped is %+v", got)
	}
	allow(1)
	r.at = got.NextAt
	r.must(r.fire(j.ID))
	if left := r.job(j.ID); left.StatusReason != "" || left.Count != 1 {
		t.Errorf("executed is %+v", left)
	}
	if times := r.executed(j, j.NextAt, got.NextAt); !slices.Equal(times, []string{"01-01T00:02:00"}) {
		t.Errorf("executed at %v", times)
	}
}

// TestRefusedOnce has a job of one execution refused for as long as it is tried.
func TestRefusedOnce(t *testing.T) {
	r := newRig(t, "2030-01-01T00:01:00Z")
	none := int64(0)
	r.must(r.quotas.Set(t.Context(), project, map[faas.Resource]*int64{faas.ResourceCalls: &none}))
	j := r.make("", "", 1, "2030-01-01T00:01:00Z")
	for n := 1; r.job(j.ID).Status == faas.JobRunning; n++ {
		if err := r.fire(j.ID); (err == nil) != (n == Attempts) {
			t.Fatalf("attempt %d: %v", n, err)
		}
	}
	if got := r.job(j.ID); got.Status != faas.JobError || !strings.Contains(got.StatusReason, "was skipped: ") {
		t.Errorf("the job is %+v", got)
	}
	r.executed(j)
	if items, err := r.store.DueKinds(t.Context()); err != nil || slices.Contains(items, store.JobExecution) {
		t.Errorf("left are %v, %v", items, err)
	}
}

package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// shortly asks for the statistics of a function by short steps, within an hour of the fixture's
// clock.
func (f *fixture) shortly(s *store.Store, t *testing.T, project, function string) faas.Statistics {
	t.Helper()
	found, err := s.Statistics(t.Context(), faas.StatisticsQuery{
		ProjectID: project, FunctionID: function, Step: faas.ShortStep,
		From: f.now().Add(-time.Hour).Truncate(faas.ShortStep), To: f.now().Add(time.Hour).Truncate(faas.ShortStep),
	})
	must(t, err)
	return found
}

// statistics are of each function, each project and everybody; how executions end is told apart.
// Each is counted once, whichever way it was written.
func statistics(t *testing.T, f *fixture) {
	ctx := t.Context()
	function, other := faas.NewID(), faas.NewID()
	sample := func(took time.Duration, cold bool) store.Sample {
		return store.Sample{FunctionID: function, Took: took, Memory: 512 << 20, Cold: cold}
	}
	run := func(project, function string, ending store.Ending) {
		t.Helper()
		x := execution(project, function)
		x.Lease = time.Minute
		must(t, f.Start(ctx, x))
		ending.Result, ending.ProjectID, ending.Sample.FunctionID = "{}", project, function
		must(t, f.Finish(ctx, x.ID, ending))
		is(t, f.Finish(ctx, x.ID, ending), faas.Conflict) // counts nothing
	}
	for range 8 {
		run("ours", function, store.Ending{Status: faas.ExecutionSuccess, Sample: sample(10*time.Millisecond, false)})
	}
	run("ours", function, store.Ending{Status: faas.ExecutionFailed, Sample: sample(2*time.Second, true)})
	run("ours", other, store.Ending{Status: faas.ExecutionError})
	run("theirs", faas.NewID(), store.Ending{Status: faas.ExecutionSuccess, Sample: sample(time.Second, false)})
	claimed := execution("ours", function)
	must(t, f.Enqueue(ctx, claimed))
	_, _, err := f.Claim(ctx, claimed.ID, "engine", time.Minute)
	must(t, err)
	f.pass(faas.ShortStep)
	must(t, f.Finish(ctx, claimed.ID, store.Ending{Status: faas.ExecutionSuccess, ProjectID: "ours",
		Sample: sample(10*time.Millisecond, false)}))
	queued := execution("ours", function)
	must(t, f.Enqueue(ctx, queued))
	must(t, second(f.Cancel(ctx, ours, queued.ID, store.Cancellation{Output: "no"})))

	again := f.reopen()
	got := f.shortly(again, t, "ours", function)
	if len(got.Points) != 2 || !got.Points[0].At.Equal(f.now().Add(-faas.ShortStep).Truncate(faas.ShortStep)) {
		t.Fatalf("points: %+v", got.Points)
	}
	counts := func(p faas.StatisticsPoint) [6]int64 {
		return [6]int64{p.Calls, p.Succeeded, p.Failed, p.Errors, p.Cancelled, p.Cold}
	}
	for _, c := range []struct {
		what string
		got  faas.StatisticsPoint
		want [6]int64
	}{
		{"the first step", got.Points[0], [6]int64{9, 8, 1, 0, 0, 1}},
		{"the second step", got.Points[1], [6]int64{2, 1, 0, 0, 1, 0}},
		{"the function", got.Total, [6]int64{11, 9, 1, 0, 1, 1}},
		{"the project", f.shortly(again, t, "ours", "").Total, [6]int64{12, 9, 1, 1, 1, 1}},
		{"everybody", f.shortly(again, t, "", "").Total, [6]int64{13, 10, 1, 1, 1, 1}},
		{"another's function", f.shortly(again, t, "theirs", function).Total, [6]int64{}},
	} {
		if counts(c.got) != c.want {
			t.Errorf("%s: %v, want %v", c.what, counts(c.got), c.want)
		}
	}
	first := got.Points[0]
	if first.P50 < 6*time.Millisecond || first.P50 > 16*time.Millisecond || first.P95 < time.Second || first.P95 > 3*time.Second {
		t.Errorf("p50 %v, p95 %v; want about 10 ms and 2 s", first.P50, first.P95)
	}
	if want := (8*0.010 + 2) * 0.5; first.GBSeconds < want*0.99 || first.GBSeconds > want*1.01 {
		t.Errorf("%v GB-seconds, want about %v", first.GBSeconds, want)
	}
	hours, err := again.Statistics(ctx, faas.StatisticsQuery{
		ProjectID: "ours", FunctionID: function, Step: faas.LongStep,
		From: f.now().Add(-2 * time.Hour).Truncate(faas.LongStep), To: f.now().Add(time.Hour),
	})
	if must(t, err); counts(hours.Total) != [6]int64{11, 9, 1, 0, 1, 1} {
		t.Errorf("by the hour: %+v", hours.Total)
	}
}

// statisticsOfMany has many count at the same time, in two stores of one database where there can be
// two: nothing is lost and nothing counted twice. Then they are purged.
func statisticsOfMany(t *testing.T, f *fixture) {
	ctx := t.Context()
	const callers, each = 8, 25
	var functions []string
	for range 20 {
		functions = append(functions, faas.NewID())
	}
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			for j := range each {
				x := execution("ours", functions[(i+j)%len(functions)])
				x.Lease = time.Minute
				if err := f.Start(ctx, x); err != nil {
					t.Error(err)
				}
				err := f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}", ProjectID: "ours",
					Sample: store.Sample{FunctionID: x.FunctionID, Took: time.Duration(1+j*j) * time.Millisecond}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	again := f.reopen()
	if n := f.shortly(again, t, "ours", "").Total.Calls; n != callers*each {
		t.Errorf("%d calls of the project, want %d", n, callers*each)
	}
	of := int64(0)
	for _, function := range functions {
		of += f.shortly(again, t, "ours", function).Total.Calls
	}
	if of != callers*each {
		t.Errorf("%d calls of the functions together, want %d", of, callers*each)
	}
	purged := 0
	for {
		n, err := again.PurgeStatistics(ctx, faas.ShortStep, f.now().Add(time.Hour), 50)
		must(t, err)
		if purged += n; n == 0 {
			break
		}
	}
	if left := f.shortly(again, t, "ours", "").Total.Calls; left != 0 || purged < len(functions) {
		t.Errorf("%d rows were purged and %d calls are left", purged, left)
	}
	n, err := again.PurgeStatistics(ctx, faas.LongStep, f.now().Add(-time.Hour), 50)
	if must(t, err); n != 0 {
		t.Errorf("%d rows of the last hour were purged as older", n)
	}
}

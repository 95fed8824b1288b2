package upkeep

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
)

// records is what keeps records of some projects, and a clock.
type records struct {
	*testing.T
	store  *store.Store
	upkeep *Upkeeper
	now    time.Time
	names  map[string]string // of functions, to their ids
}

// limits are projects' own.
type limits map[string]faas.Amounts

var _ quota.Driver = limits{}

func (l limits) Limits(_ context.Context, projectID string) (faas.Amounts, error) {
	return l[projectID], nil
}
func (l limits) Set(context.Context, string, map[faas.Resource]*int64) error { return nil }
func (l limits) Reset(context.Context, string) error                         { return nil }

func newRecords(t *testing.T, own limits, defaults faas.Amounts) *records {
	t.Helper()
	r := &records{T: t, now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), names: map[string]string{}}
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	r.must(store.Migrate(t.Context(), url))
	clock := func() time.Time { return r.now }
	var err error
	r.store, err = store.Open(t.Context(), url, store.Options{Now: clock, Log: slog.New(slog.DiscardHandler)})
	r.must(err)
	t.Cleanup(func() { _ = r.store.Close() })
	quotas := quota.New(quota.Config{Driver: own, Defaults: defaults, Now: clock})
	r.upkeep = New(Config{Store: r.store, Quotas: quotas, Now: clock, Log: slog.New(slog.DiscardHandler)})
	return r
}

func (r *records) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// function makes a function with a record of each of the last days, as many as named, the youngest
// a day old.
func (r *records) function(project, name string, own faas.Retention, days int) {
	r.Helper()
	ctx, now := r.Context(), r.now
	image := faas.Code{Source: faas.SourceImage, Image: "i", Protocol: faas.ProtocolRun}
	f, err := r.store.CreateFunction(ctx, faas.Function{ProjectID: project, Code: image, Retention: own}, nil)
	r.must(err)
	r.names[name] = f.ID
	for day := days; day > 0; day-- {
		r.now = now.AddDate(0, 0, -day)
		x := faas.Execution{ID: faas.NewID(), ProjectID: project, FunctionID: f.ID, CreatedAt: r.now, Lease: time.Minute}
		r.must(r.store.Start(ctx, x))
		r.must(r.store.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, ProjectID: project}))
	}
	r.now = now
}

// round does steps until a round is over, and returns the pause after it and how many there were.
func (r *records) round() (duework.Next, int) {
	r.Helper()
	for step := 1; ; step++ {
		next, err := r.upkeep.KeepRecords(r.Context(), store.DueItem{})
		r.must(err)
		if next != duework.Again(0) {
			return next, step
		}
	}
}

// left holds how many records there are of each function against what there should be.
func (r *records) left(want map[string]int) {
	r.Helper()
	for name, n := range want {
		page, err := r.store.Executions(r.Context(), faas.AnyProject(), faas.Query{
			Filters: []faas.Filter{{Field: "function_id", Op: "eq", Values: []string{r.names[name]}}},
		})
		r.must(err)
		if len(page.Items) != n {
			r.Errorf("%d records are left of %s, want %d", len(page.Items), name, n)
		}
		for i, x := range page.Items { // the youngest are left
			if at := r.now.AddDate(0, 0, i-n); !x.CreatedAt.Equal(at) {
				r.Errorf("record %d of %s is of %v, want %v", i, name, x.CreatedAt, at)
			}
		}
	}
}

// TestTheLeastIsKept of what the configuration, the project and the function say.
func TestTheLeastIsKept(t *testing.T) {
	r := newRecords(t, limits{
		"less":  {faas.ResourceRecordDays: 5, faas.ResourceRecordsKept: 3},
		"other": {faas.ResourceRecordDays: faas.Unlimited, faas.ResourceRecordsKept: 7},
	}, faas.Amounts{faas.ResourceRecordDays: 8, faas.ResourceRecordsKept: faas.Unlimited})
	none := faas.Retention{}
	r.function("plain", "plain", none, 12)
	r.function("plain", "days", faas.Retention{Days: 2}, 12)
	r.function("plain", "count", faas.Retention{Count: 4}, 12)
	r.function("plain", "above", faas.Retention{Days: 30, Count: 100}, 12)
	r.function("less", "project", none, 12)
	r.function("less", "both", faas.Retention{Days: 1}, 12)
	r.function("other", "many", none, 12)
	r.function("other", "gone", none, 12)
	_, err := r.store.DeleteFunction(t.Context(), faas.AnyProject(), r.names["gone"])
	r.must(err)
	awaitUsage(r)
	next, _ := r.round()
	if next != duework.Again(roundPause) {
		t.Errorf("after a round comes %+v", next)
	}
	// What ended so many days ago is kept.
	r.left(map[string]int{
		"plain": 8, "days": 2, "count": 4, "above": 8, "project": 3, "both": 1, "many": 7, "gone": 12,
	})
	r.now = r.now.AddDate(0, 0, 1)
	r.round()
	r.now = r.now.AddDate(0, 0, -1)
	r.left(map[string]int{"plain": 7, "days": 1, "count": 4, "project": 3, "both": 0, "many": 7, "gone": 12})
}

// awaitUsage waits until the rows say which projects have records.
func awaitUsage(r *records) {
	r.Helper()
	for {
		found, err := r.store.ProjectsWithRecords(r.Context(), "", 10)
		r.must(err)
		if len(found) == 3 {
			return
		}
	}
}

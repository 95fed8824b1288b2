// Package storetest is what the store must do on every database.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// Open returns a store on a new, empty database whose clock is now; each call with the same t gives
// another database. reopen closes that store and opens the same database again.
type Open func(t *testing.T, now func() time.Time) (s *store.Store, reopen func() *store.Store)

// Run holds the store against its promises.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, *fixture){
		"runtimes":                          runtimes,
		"functions":                         functions,
		"a function's revision":             revision,
		"scopes":                            scopes,
		"filters":                           filters,
		"bad queries":                       badQueries,
		"pages":                             pages,
		"long texts in lists":               longTexts,
		"what records take":                 recordUsage,
		"executions of one function":        purgeOfAFunction,
		"a synchronous execution":           synchronous,
		"an asynchronous execution":         asynchronous,
		"one of many claims wins":           oneClaimWins,
		"leases":                            leases,
		"lost messages":                     lostMessages,
		"claims that are given back":        releases,
		"what fails in a batch fails alone": failsAlone,
		"purge":                             purge,
		"what was committed is there again": survives,
		"trusts that are to be deleted":     trustDeletions,
		"packages in use":                   packagesInUse,
		"packages that are deleted":         packagesDeleted,
		"quotas":                            quotas,
		"quotas of projects":                ownQuotas,
		"closed":                            closed,
		"every field of a row":              everyFieldIsKept,
		"every change of a function":        everyChangeIsKept,
		"targets":                           targets,
		"events":                            outbox,
		"events of many":                    outboxOfMany,
		"events of the lost":                outboxOfTheLost,
	} {
		t.Run(name, func(t *testing.T) {
			f := &fixture{clock: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)}
			f.Store, f.reopen = open(t, f.now)
			test(t, f)
		})
	}
}

// fixture is a store and its clock.
type fixture struct {
	*store.Store
	reopen func() *store.Store
	mu     sync.Mutex
	clock  time.Time
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clock
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = f.clock.Add(d)
}

var (
	ours   = faas.OneProject("ours")
	theirs = faas.OneProject("theirs")
	all    = faas.AnyProject()
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err error, kind faas.Kind) {
	t.Helper()
	if faas.KindOf(err) != kind {
		t.Errorf("got %v, want an error of kind %q", err, kind)
	}
}

func (f *fixture) runtime(t *testing.T, project string, public bool) faas.Runtime {
	t.Helper()
	r, err := f.CreateRuntime(
		t.Context(),
		faas.Runtime{ProjectID: project, Name: "r", Image: "python3", Status: faas.RuntimeAvailable, IsPublic: public},
	)
	must(t, err)
	return r
}

func (f *fixture) function(t *testing.T, project, runtime, name string) faas.Function {
	t.Helper()
	made, err := f.CreateFunction(t.Context(), faas.Function{
		ProjectID: project, RuntimeID: runtime, Name: name, Entry: "main.main", CPU: 100, MemorySize: 1 << 25, Timeout: 5 * time.Second,
		Code: faas.Code{Source: faas.SourcePackage, MD5: "m", SHA256: "s" + name, Size: 3},
	}, nil)
	must(t, err)
	return made
}

func execution(project, function string) faas.Execution {
	return faas.Execution{
		ID:         faas.NewID(),
		ProjectID:  project,
		FunctionID: function,
		Input:      `{"n":1}`,
		UserID:     "u",
		RequestID:  "req-1",
	}
}

func runtimes(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", false)
	got, err := f.Runtime(ctx, ours, r.ID)
	if err != nil || got != r {
		t.Errorf("got %+v, %v; want %+v", got, err, r)
	}
	name := "renamed"
	f.pass(time.Second)
	got, err = f.UpdateRuntime(ctx, ours, r.ID, store.RuntimeChange{Name: &name})
	if err != nil || got.Name != name || got.Image != r.Image || !got.UpdatedAt.Equal(f.now().Truncate(time.Microsecond)) {
		t.Errorf("updated: %+v, %v", got, err)
	}
	must(t, f.SetRuntimeStatus(ctx, r.ID, faas.RuntimeError, "no such image"))
	if got, _ = f.Runtime(ctx, ours, r.ID); got.Status != faas.RuntimeError || got.StatusReason != "no such image" {
		t.Errorf("status: %+v", got)
	}
	_, err = f.CreateRuntime(ctx, faas.Runtime{ID: r.ID, ProjectID: "ours"})
	is(t, err, faas.Conflict)
	before := got.Image
	must(t, f.RevertRuntime(ctx, r.ID, "some other image", "image-0", "too late"))
	if got, _ = f.Runtime(ctx, ours, r.ID); got.Image != before || got.Status != faas.RuntimeError {
		t.Errorf("reverted from an image that it has not: %+v", got)
	}
	must(t, f.RevertRuntime(ctx, r.ID, before, "image-0", "no worker came up"))
	if got, _ = f.Runtime(ctx, ours, r.ID); got.Image != "image-0" || got.Status != faas.RuntimeAvailable ||
		got.StatusReason != "no worker came up" {
		t.Errorf("reverted: %+v", got)
	}
	must(t, f.SetRuntimeStatus(ctx, r.ID, faas.RuntimeAvailable, ""))
	made := f.function(t, "ours", r.ID, "f")
	is(t, f.DeleteRuntime(ctx, ours, r.ID), faas.Conflict)
	_, err = f.DeleteFunction(ctx, ours, made.ID)
	must(t, err)
	must(t, f.DeleteRuntime(ctx, ours, r.ID))
	is(t, f.DeleteRuntime(ctx, ours, r.ID), faas.NotFound)
	is(t, f.SetRuntimeStatus(ctx, r.ID, faas.RuntimeAvailable, ""), faas.NotFound)
}

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
	want := int64(1)
	for _, c := range []struct {
		change store.FunctionChange
		grows  bool
	}{
		{store.FunctionChange{}, false}, {store.FunctionChange{Name: &text, Description: &text}, false},
		{store.FunctionChange{Timeout: &timeout}, false}, {store.FunctionChange{Entry: &entry}, true},
		{store.FunctionChange{Entry: &same}, false}, {store.FunctionChange{CPU: &cpu}, true},
		{store.FunctionChange{MemorySize: &memory}, true}, {store.FunctionChange{Code: &code}, true},
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

// scopes is every method asked with another project's scope: not found, and nothing changed.
func scopes(t *testing.T, f *fixture) {
	ctx := t.Context()
	r := f.runtime(t, "ours", false)
	fn := f.function(t, "ours", r.ID, "f")
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

func filters(t *testing.T, f *fixture) {
	r := f.runtime(t, "ours", false)
	for _, name := range []string{"apple", "apricot", "50%_off", "pear"} {
		f.function(t, "ours", r.ID, name)
		f.pass(time.Second)
	}
	noon := "2026-01-02 03:04:06.678901" // when the second was made
	for _, c := range []struct {
		field, op string
		values    []string
		want      string
	}{
		{"name", "eq", []string{"apple"}, "apple"}, {"name", "neq", []string{"apple"}, "apricot 50%_off pear"},
		{"name", "in", []string{"apple", "pear"}, "apple pear"}, {"name", "nin", []string{"apple", "pear"}, "apricot 50%_off"},
		{"name", "has", []string{"ap"}, "apple apricot"}, {"name", "has", []string{"PRI"}, "apricot"}, {"name", "has", []string{"%"}, "50%_off"}, {"name", "has", []string{"_"}, "50%_off"},
		{"name", "eq", []string{"' OR 1=1 --"}, ""}, {"cpu", "gte", []string{"100"}, "apple apricot 50%_off pear"}, {"cpu", "gt", []string{"100"}, ""},
		{"created_at", "gt", []string{noon}, "50%_off pear"}, {"created_at", "lte", []string{noon}, "apple apricot"},
		{"created_at", "lt", []string{"2026-01-02T03:04:06.678901Z"}, "apple"}, {"name", "gt", []string{"apricot"}, "pear"},
		{"name", "eq", []string{"Apple"}, ""}, {"name", "eq", []string{"\u00e4pple \U0001F34E"}, ""}, {"id", "has", []string{"no such"}, ""},
	} {
		got, err := f.Functions(
			t.Context(), ours, faas.Query{Filters: []faas.Filter{{Field: c.field, Op: c.op, Values: c.values}}},
		)
		if err != nil || names(got.Items) != c.want {
			t.Errorf("%s %s %v: %q, %v; want %q", c.field, c.op, c.values, names(got.Items), err, c.want)
		}
	}
}

func names(functions []faas.Function) string {
	var all []string
	for _, f := range functions {
		all = append(all, f.Name)
	}
	return strings.Join(all, " ")
}

func badQueries(t *testing.T, f *fixture) {
	for _, q := range []faas.Query{
		{Filters: []faas.Filter{{Field: "secret", Op: "eq", Values: []string{"x"}}}},
		{Filters: []faas.Filter{{Field: "name; DROP TABLE functions", Op: "eq", Values: []string{"x"}}}},
		{Filters: []faas.Filter{{Field: "name", Op: "like", Values: []string{"x"}}}},
		{Filters: []faas.Filter{{Field: "cpu", Op: "eq", Values: []string{"many"}}}},
		{Filters: []faas.Filter{{Field: "cpu", Op: "has", Values: []string{"1"}}}},
		{Filters: []faas.Filter{{Field: "created_at", Op: "gt", Values: []string{"yesterday"}}}},
		{Sort: []faas.SortKey{{Field: "secret"}}}, {Marker: "no such id"}, {Marker: faas.NewID()}, {Marker: "\u00e4"}, {Marker: "\xff"},
		{Filters: []faas.Filter{{Field: "name", Op: "eq", Values: []string{"\xff"}}}},
		{Filters: []faas.Filter{{Field: "name", Op: "has", Values: []string{"\xff"}}}},
		{Filters: []faas.Filter{{Field: "id", Op: "eq", Values: []string{"\u00e4"}}}},
		{Filters: []faas.Filter{{Field: "runtime_id", Op: "has", Values: []string{"\u00e4"}}}},
		{Filters: slices.Repeat([]faas.Filter{{Field: "name", Op: "neq", Values: []string{"x"}}}, 17)},
		{Filters: []faas.Filter{{Field: "name", Op: "in", Values: slices.Repeat([]string{"x"}, 1001)}}},
		{Filters: slices.Repeat([]faas.Filter{{Field: "name", Op: "nin", Values: slices.Repeat([]string{"x"}, 600)}}, 2)},
		{Filters: []faas.Filter{{Field: "name", Op: "has", Values: []string{strings.Repeat("x", 4097)}}}},
		{Sort: []faas.SortKey{{Field: "name"}, {Field: "cpu"}, {Field: "name", Desc: true}}},
		{Sort: []faas.SortKey{{Field: "name"}, {Field: "cpu"}, {Field: "entry"}, {Field: "timeout"}, {Field: "count"}}},
	} {
		_, err := f.Functions(t.Context(), ours, q)
		is(t, err, faas.Invalid)
	}
}

// pages reads in pages while rows share their sort keys, and while rows come and go.
func pages(t *testing.T, f *fixture) {
	r := f.runtime(t, "ours", false)
	for i := range 10 {
		f.function(t, "ours", r.ID, fmt.Sprintf("f%d", i%3)) // one time for all, few names
	}
	for _, sort := range [][]faas.SortKey{nil, {{Field: "name"}}, {{Field: "name", Desc: true}, {Field: "created_at"}}} {
		seen := map[string]bool{}
		q := faas.Query{Sort: sort, Limit: 3}
		for pages := 0; pages == 0 || q.Marker != ""; pages++ {
			page, err := f.Functions(t.Context(), ours, q)
			must(t, err)
			if len(page.Items) == 0 || page.Notice != "" {
				t.Errorf("sorted by %v: page %d: %+v", sort, pages, page)
			}
			for _, fn := range page.Items {
				if seen[fn.ID] {
					t.Errorf("sorted by %v: %s came twice", sort, fn.ID)
				}
				seen[fn.ID] = true
			}
			q.Marker = page.Next
		}
		if len(seen) != 10 {
			t.Errorf("sorted by %v: %d of 10 came", sort, len(seen))
		}
	}
	sorted, err := f.Functions(t.Context(), ours, faas.Query{Sort: []faas.SortKey{{Field: "name", Desc: true}}})
	if got := strings.Fields(names(sorted.Items)); err != nil ||
		!slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("sorted: %v, %v", got, err)
	}
}

func synchronous(t *testing.T, f *fixture) {
	ctx := t.Context()
	fn := f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")
	for _, held := range []bool{true, false} { // the start joined with its ending, and written before
		x := execution("ours", fn.ID)
		x.Sync, x.Lease = true, time.Minute
		must(t, f.Start(ctx, x))
		if !held {
			_, err := f.SettleExpired(ctx, 10, nil) // has all starts written, and settles none
			must(t, err)
		}
		f.pass(time.Second)
		must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}", Log: "printed \xff"}))
		got, err := f.Execution(ctx, ours, x.ID)
		if err != nil || got.Status != faas.ExecutionSuccess || got.Result != "{}" || got.Input != x.Input ||
			got.Attempts != 1 ||
			!got.Sync ||
			!got.LeaseUntil.IsZero() ||
			got.EndedAt.Sub(got.StartedAt) != time.Second {
			t.Errorf("got %+v, %v", got, err)
		}
		if log, err := f.ExecutionLog(ctx, ours, x.ID); err != nil || log != "printed \uFFFD" {
			t.Errorf("log %q, %v", log, err)
		}
		is(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionFailed}), faas.Conflict)
		must(t, f.DeleteExecution(ctx, ours, x.ID))
		is(t, f.DeleteExecution(ctx, ours, x.ID), faas.NotFound)
	}
	is(t, f.Finish(ctx, faas.NewID(), store.Ending{Status: faas.ExecutionFailed}), faas.NotFound)
	if got, _ := f.reopen().Function(ctx, ours, fn.ID); got.Count != 2 { // counts are written now and then, and at the end
		t.Errorf("the function counts %d calls, want 2", got.Count)
	}
}

func asynchronous(t *testing.T, f *fixture) {
	ctx := t.Context()
	x := execution("ours", "f")
	must(t, f.Enqueue(ctx, x))
	is(t, f.Enqueue(ctx, x), faas.Conflict)
	is(t, f.DeleteExecution(ctx, ours, x.ID), faas.Conflict)
	is(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess}), faas.Conflict) // nobody runs it
	running, err := f.Executions(
		ctx, ours, faas.Query{Filters: []faas.Filter{{Field: "status", Op: "eq", Values: []string{"running"}}}},
	)
	if err != nil || len(running.Items) != 1 {
		t.Errorf("to clients a queued execution runs: %v, %v", running, err)
	}
	got, won, err := f.Claim(ctx, x.ID, "engine", time.Minute)
	if err != nil || !won || got.Status != faas.ExecutionRunning || got.Owner != "engine" || got.Attempts != 1 ||
		got.Input != x.Input {
		t.Errorf("claimed %+v, %v, %v", got, won, err)
	}
	must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionFailed, Result: "{}"}))
	_, won, err = f.Claim(ctx, x.ID, "another", time.Minute)
	if err != nil || won {
		t.Errorf("an ended execution was claimed: %v", err)
	}
}

func oneClaimWins(t *testing.T, f *fixture) {
	x := execution("ours", "f")
	must(t, f.Enqueue(t.Context(), x))
	var wins atomic.Int32
	var group sync.WaitGroup
	for n := range 100 {
		group.Go(func() {
			_, won, err := f.Claim(t.Context(), x.ID, fmt.Sprint("engine ", n), time.Minute)
			if err != nil {
				t.Error(err)
			}
			if won {
				wins.Add(1)
			}
		})
	}
	group.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d won", wins.Load())
	}
}

// over is a lease that has ended before it began: the database's clock goes its own way.
const over = -time.Second

func leases(t *testing.T, f *fixture) {
	ctx := t.Context()
	kept, lost, held := execution("ours", "f"), execution("ours", "f"), execution("ours", "f")
	for _, x := range []faas.Execution{kept, lost} {
		must(t, f.Enqueue(ctx, x))
		_, _, err := f.Claim(ctx, x.ID, "engine", over)
		must(t, err)
	}
	held.Lease = over
	must(t, f.Start(ctx, held)) // its process dies before its end; repair must see it though it may be held back
	gone, err := f.RenewLeases(ctx, "engine", []string{kept.ID, held.ID}, time.Minute)
	if err != nil || len(gone) != 1 || gone[0] != held.ID { // the third has another owner
		t.Errorf("renewed, but not %v, %v", gone, err)
	}
	settled, err := f.SettleExpired(ctx, 10, nil)
	if err != nil || len(settled) != 2 {
		t.Fatalf("settled %v, %v", settled, err)
	}
	for _, x := range []faas.Execution{lost, held} {
		got, err := f.Execution(ctx, ours, x.ID)
		if err != nil || got.Status != faas.ExecutionError || !strings.Contains(got.Result, "may have run") {
			t.Errorf("settled: %+v, %v", got, err)
		}
		is(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess}), faas.Conflict)
	}
	must(t, f.Finish(ctx, kept.ID, store.Ending{Status: faas.ExecutionSuccess}))
}

func releases(t *testing.T, f *fixture) {
	ctx := t.Context()
	x := execution("ours", "f")
	must(t, f.Enqueue(ctx, x))
	queued, err := f.Execution(ctx, ours, x.ID)
	must(t, err)
	for range 2 {
		f.pass(time.Second)
		claimed, won, err := f.Claim(ctx, x.ID, "engine", time.Minute)
		if err != nil || !won || claimed.Attempts != 1 {
			t.Fatalf("claimed %+v, %v, %v", claimed, won, err)
		}
		if ok, err := f.Release(ctx, x.ID, "another"); ok || err != nil {
			t.Errorf("released by one who does not own it: %v, %v", ok, err)
		}
		if ok, err := f.Release(ctx, x.ID, "engine"); !ok || err != nil {
			t.Errorf("not released: %v, %v", ok, err)
		}
		got, err := f.Execution(ctx, ours, x.ID)
		must(t, err)
		if again := got.LeaseUntil.Sub(queued.LeaseUntil); again < 0 || again > time.Minute {
			t.Errorf("its message is taken for lost %s later than before", again)
		}
		queued.UpdatedAt, queued.LeaseUntil = f.now(), got.LeaseUntil
		if got != queued {
			t.Errorf("got %+v, want %+v", got, queued)
		}
	}
	if ok, err := f.Release(ctx, x.ID, "engine"); ok || err != nil {
		t.Errorf("released twice: %v, %v", ok, err)
	}
}

// lostMessages has an item of due work for each execution for as long as that is queued.
func lostMessages(t *testing.T, f *fixture) {
	ctx := t.Context()
	due := func(within time.Duration, want ...string) {
		t.Helper()
		if refs := dueRefs(t, f, store.LostMessage, within); !slices.Equal(refs, want) {
			t.Errorf("due within %s are %q, want %q", within, refs, want)
		}
	}
	one, two := execution("ours", "f"), execution("ours", "f")
	must(t, f.Enqueue(ctx, one))
	must(t, f.Enqueue(ctx, two))
	is(t, f.Enqueue(ctx, one), faas.Conflict)
	due(0)
	due(store.WakeAfter+time.Second, one.ID, two.ID)
	for _, want := range []bool{true, false} {
		if _, won, err := f.Claim(ctx, one.ID, "engine", time.Hour); err != nil || won != want {
			t.Errorf("claimed: %v, %v", won, err)
		}
		due(time.Hour, two.ID)
	}
	for _, want := range []bool{true, false} { // that it is released once more, and is not the owner's, changes nothing
		if released, err := f.Release(ctx, one.ID, "engine"); err != nil || released != want {
			t.Errorf("released: %v, %v", released, err)
		}
		due(0)
		due(store.WakeAfter+time.Second, two.ID, one.ID)
	}
	sync := execution("ours", "f")
	sync.Sync, sync.Lease = true, time.Minute
	must(t, f.Start(ctx, sync))
	must(t, f.Finish(ctx, sync.ID, store.Ending{Status: faas.ExecutionSuccess, Result: "{}"}))
	due(time.Hour, two.ID, one.ID)
}

// failsAlone hands in many operations at once, so that they share transactions, of which some
// cannot work.
func failsAlone(t *testing.T, f *fixture) {
	ctx := t.Context()
	twice := execution("ours", "f")
	must(t, f.Enqueue(ctx, twice))
	var good, bad atomic.Int32
	var group sync.WaitGroup
	for n := range 200 {
		group.Go(func() {
			x := twice
			if n%2 == 0 {
				x = execution("ours", "f")
			}
			switch err := f.Enqueue(ctx, x); {
			case err == nil:
				good.Add(1)
			case faas.KindOf(err) == faas.Conflict:
				bad.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	rows, err := f.Executions(ctx, ours, faas.Query{})
	if err != nil || good.Load() != 100 || bad.Load() != 100 || len(rows.Items) != 101 {
		t.Errorf("%d worked, %d did not, %d rows, %v", good.Load(), bad.Load(), len(rows.Items), err)
	}
}

func purge(t *testing.T, f *fixture) {
	ctx := t.Context()
	queued := execution("ours", "f")
	must(t, f.Enqueue(ctx, queued))
	for range 5 {
		x := execution("ours", "f")
		x.Lease = time.Minute
		must(t, f.Start(ctx, x))
		must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess}))
	}
	f.pass(time.Hour)
	if n, err := f.PurgeableExecutions(ctx, f.now()); err != nil || n != 5 {
		t.Errorf("%d can be purged, %v", n, err)
	}
	for _, want := range []int{3, 2, 0} {
		n, err := f.PurgeExecutions(ctx, f.now(), 3)
		if err != nil || n != want {
			t.Errorf("purged %d, want %d, %v", n, want, err)
		}
	}
	if _, err := f.Execution(ctx, ours, queued.ID); err != nil {
		t.Errorf("what has not ended is kept: %v", err)
	}
}

func survives(t *testing.T, f *fixture) {
	fn := f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")
	x := execution("ours", fn.ID)
	must(t, f.Enqueue(t.Context(), x))
	again := f.reopen()
	if got, err := again.Function(t.Context(), ours, fn.ID); err != nil || got.Count != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := again.Execution(t.Context(), ours, x.ID); err != nil || got.Status != faas.ExecutionQueued {
		t.Errorf("got %+v, %v", got, err)
	}
}

func closed(t *testing.T, f *fixture) {
	x := execution("ours", "f")
	x.Lease = time.Minute
	must(t, f.Start(t.Context(), x)) // held back, and written by Close
	must(t, f.Close())
	must(t, f.Close())
	is(t, f.Enqueue(t.Context(), execution("ours", "f")), faas.Unavailable)
	again := f.reopen()
	if _, err := again.Execution(t.Context(), ours, x.ID); err != nil {
		t.Errorf("what was handed in before Close: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	left := execution("ours", "f")
	err := again.Enqueue(ctx, left)
	is(t, err, faas.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has left: %v", err)
	}
	_, err = again.Execution(t.Context(), ours, left.ID)
	is(t, err, faas.NotFound)
}

package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// everyFieldIsKept creates objects of which every field has a value of its own: one that no column
// keeps, or that a column of another field keeps, is not read back.
func everyFieldIsKept(t *testing.T, f *fixture) {
	ctx := t.Context()
	shared := f.runtime(t, "others", true)

	r := filled[faas.Runtime](t, nil)
	madeRuntime, err := f.CreateRuntime(ctx, r)
	must(t, err)
	same(t, "created", madeRuntime, r)
	gotRuntime, err := f.Runtime(ctx, all, r.ID)
	must(t, err)
	same(t, "read", gotRuntime, r)

	fn := filled[faas.Function](t, map[string]any{"RuntimeID": shared.ID})
	must(t, f.ScheduleTrustDeletion(ctx, fn.TrustID, 0))
	madeFunction, err := f.CreateFunction(ctx, fn, nil)
	must(t, err)
	same(t, "created", madeFunction, fn)
	gotFunction, err := f.Function(ctx, all, fn.ID)
	must(t, err)
	same(t, "read", gotFunction, fn)

	w := filled[faas.Webhook](t, map[string]any{"ProjectID": fn.ProjectID, "Calls": faas.FunctionRef{FunctionID: fn.ID}})
	madeWebhook, err := f.CreateWebhook(ctx, w, nil)
	must(t, err)
	same(t, "created", madeWebhook, w)
	gotWebhook, err := f.Webhook(ctx, all, w.ID)
	must(t, err)
	same(t, "read", gotWebhook, w)

	j := filled[faas.Job](t, map[string]any{"ProjectID": fn.ProjectID, "Calls": faas.FunctionRef{FunctionID: fn.ID}})
	madeJob, err := f.CreateJob(ctx, j, nil)
	must(t, err)
	same(t, "created", madeJob, j)
	gotJob, err := f.Job(ctx, all, j.ID)
	must(t, err)
	same(t, "read", gotJob, j)

	triggerIsKept(t, f, gotFunction)

	versionIsKept(t, f, gotFunction)

	a := filled[faas.Alias](t, map[string]any{"ProjectID": fn.ProjectID, "FunctionID": fn.ID, "Version": 1,
		"Canary": faas.Canary{Version: 0, Percent: 7}})
	madeAlias, err := f.CreateAlias(ctx, a, nil)
	must(t, err)
	same(t, "created", madeAlias, a)
	gotAlias, err := f.Alias(ctx, faas.OneProject(fn.ProjectID), a.Name)
	must(t, err)
	same(t, "read", gotAlias, a)

	x := filled[faas.Execution](t, map[string]any{"Status": faas.ExecutionRunning, "Log": "", "Attempts": 1,
		"Lease": time.Hour, "LeaseUntil": time.Time{}, "InputCut": int64(0), "ResultCut": int64(0), "LogCut": int64(0)})
	must(t, f.Start(ctx, x))
	_, err = f.SettleExpired(ctx, 1, nil) // has starts written that are held back, and settles none
	must(t, err)
	gotExecution, err := f.Execution(ctx, all, x.ID)
	must(t, err)
	if gotExecution.LeaseUntil.IsZero() {
		t.Error("there is no lease")
	}
	gotExecution.LeaseUntil, x.Lease = time.Time{}, 0
	same(t, "read", gotExecution, x)

	l := filled[faas.DeadLetter](t, map[string]any{"InputCut": int64(0), "TriggerID": f.hook(t)})
	f.letter(t, &l)
	gotLetter, err := f.DeadLetter(ctx, all, l.TriggerID, l.ID)
	must(t, err)
	same(t, "read", gotLetter, l)
}

func triggerIsKept(t *testing.T, f *fixture, of faas.Function) {
	t.Helper()
	g := filled[faas.Trigger](t, map[string]any{"ProjectID": of.ProjectID, "Calls": faas.FunctionRef{FunctionID: of.ID}})
	must(t, f.ScheduleTrustDeletion(t.Context(), g.TrustID, 0))
	made, err := f.CreateTrigger(t.Context(), g, nil)
	must(t, err)
	same(t, "created", made, g)
	got, err := f.Trigger(t.Context(), all, g.ID)
	must(t, err)
	same(t, "read", got, g)
}

// versionIsKept has a version be what the function is.
func versionIsKept(t *testing.T, f *fixture, of faas.Function) {
	t.Helper()
	want := of.Freeze()
	v, err := f.CreateVersion(t.Context(), all, of.ID, "d", nil)
	must(t, err)
	want.ID, want.Number, want.Description, want.CreatedAt = v.ID, 1, "d", f.now().Truncate(time.Microsecond)
	same(t, "frozen", v, want)
	got, err := f.FunctionVersion(t.Context(), all, of.ID, 1)
	must(t, err)
	same(t, "read", got, v)
}

// everyChangeIsKept changes every field of a function that may change, and none that may not.
func everyChangeIsKept(t *testing.T, f *fixture) {
	ctx := t.Context()
	made := f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")
	must(t, f.ScheduleTrustDeletion(ctx, "another trust", 0))
	code := filled[faas.Code](t, nil)
	name, description, entry, cpu, memory, timeout := "n", "d", "e.f", 7, int64(8), 9*time.Second
	f.pass(time.Second)
	want := made
	want.Name, want.Description, want.Entry, want.Code, want.CPU, want.MemorySize, want.Timeout = name, description, entry, code, cpu, memory, timeout
	success, failure := filled[faas.Destination](t, nil), faas.Destination{URL: "https://example.org/?a=<b>"}
	want.OnSuccess, want.OnFailure = success, failure
	retention := faas.Retention{Days: 3, Count: 4}
	want.Retention = retention
	environment := faas.NewVariables(map[string]string{"A": "é \U0001f600", "B": ""})
	secrets := faas.NewVariables(map[string]string{"C": "sealed"})
	want.Environment, want.Secrets = environment, secrets
	want.TrustID, want.TrustRoles = "another trust", []string{"a", "b"}
	want.Revision, want.UpdatedAt = made.Revision+1, f.now().Truncate(time.Microsecond)
	got, err := f.UpdateFunction(ctx, ours, made.ID, store.FunctionChange{
		Name: &name, Description: &description, Entry: &entry, Code: &code, CPU: &cpu, MemorySize: &memory, Timeout: &timeout,
		Trust: &store.FunctionTrust{ID: want.TrustID, Roles: want.TrustRoles}, OnSuccess: &success, OnFailure: &failure,
		Environment: &environment, Secrets: &secrets, Retention: &retention,
	})
	must(t, err)
	same(t, "changed", got, want)
	got, err = f.Function(ctx, ours, made.ID)
	must(t, err)
	same(t, "read", got, want)
	want.OnFailure, want.Secrets, want.Revision = faas.Destination{}, "", want.Revision+1
	got, err = f.UpdateFunction(
		ctx, ours, made.ID, store.FunctionChange{OnFailure: &want.OnFailure, Secrets: &want.Secrets},
	)
	must(t, err)
	same(t, "cleared", got, want)
	got, err = f.Function(ctx, ours, made.ID)
	must(t, err)
	same(t, "read", got, want)
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v\nwant %+v", what, got, want)
	}
}

// filled returns an object of which each field has another value. Fields that are named have the
// value given.
func filled[T any](t *testing.T, fixed map[string]any) T {
	t.Helper()
	var v T
	n := 0
	fill(t, reflect.ValueOf(&v).Elem(), "", fixed, &n)
	return v
}

func fill(t *testing.T, v reflect.Value, name string, fixed map[string]any, n *int) {
	t.Helper()
	*n++
	if value, ok := fixed[name]; ok {
		v.Set(reflect.ValueOf(value))
		return
	}
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, *n*1000, time.UTC)))
		return
	case time.Duration:
		v.SetInt(int64(time.Duration(*n) * time.Second))
		return
	}
	switch v.Kind() {
	case reflect.String:
		text := fmt.Sprint("v", *n)
		if slices.Contains([]string{"ID", "FunctionID", "RuntimeID"}, name) {
			text = faas.NewID()
		}
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.ValueOf([]string{fmt.Sprint("v", *n), "w"}))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name, fixed, n)
		}
	default:
		t.Fatalf("a field %s of kind %s: say here what its value is", name, v.Kind())
	}
}

// targets are what a key becomes for a worker.
func targets(t *testing.T, f *fixture) {
	ctx := t.Context()
	made := f.function(t, "ours", f.runtime(t, "ours", false).ID, "f")
	key := faas.Key{FunctionID: made.ID, Revision: made.Revision}
	for _, asked := range []faas.Key{key, {FunctionID: made.ID}} {
		if got, err := f.Target(ctx, asked); err != nil || got != made.Target() || got.Key != key {
			t.Errorf("the target of %s is %+v, %v", asked, got, err)
		}
	}
	entry := "other.main"
	changed, err := f.UpdateFunction(ctx, ours, made.ID, store.FunctionChange{Entry: &entry})
	must(t, err)
	if got, err := f.Target(ctx, faas.Key{FunctionID: made.ID}); err != nil || got != changed.Target() {
		t.Errorf("the target after a change is %+v, %v", got, err)
	}
	for asked, kind := range map[faas.Key]faas.Kind{
		key: faas.Outdated,
		{FunctionID: made.ID, Revision: changed.Revision + 1}: faas.Unavailable,
		{FunctionID: made.ID, Version: 1}:                     faas.NotFound,
		{FunctionID: faas.NewID()}:                            faas.NotFound,
	} {
		_, err := f.Target(ctx, asked)
		is(t, err, kind)
	}
}

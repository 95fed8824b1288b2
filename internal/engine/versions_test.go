package engine

import (
	"encoding/json"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// version freezes a function and returns the version as it is called.
func (r *rig) version(f faas.Function) faas.Callable {
	r.Helper()
	v, err := r.store.CreateVersion(r.Context(), faas.AnyProject(), f.ID, "", nil)
	r.must(err)
	c, err := r.store.Resolve(r.Context(), faas.AnyProject(), faas.FunctionRef{FunctionID: f.ID, Version: v.Number})
	r.must(err)
	return c
}

// recode gives a function the code of another one.
func (r *rig) recode(f faas.Function, code string) faas.Function {
	r.Helper()
	other := r.functionOf(f.ProjectID, code)
	f, err := r.store.UpdateFunction(r.Context(), faas.AnyProject(), f.ID, store.FunctionChange{Code: &other.Code})
	r.must(err)
	return f
}

// runs has an asynchronous execution of a version, 0 for the live code, end with the output.
func (r *rig) runs(f faas.Function, version int, want string) {
	r.Helper()
	x := faas.Execution{ID: faas.NewID(), ProjectID: f.ProjectID, FunctionID: f.ID, FunctionVersion: version}
	r.must(r.store.Enqueue(r.Context(), x))
	r.must(r.broker.Enqueue(r.Context(), faas.ExecutionsQueue(f.ProjectID), []byte(x.ID)))
	if x = r.ended(x.ID); x.Status != faas.ExecutionSuccess || faas.ResultText(0, []byte(want)) != resultOf(x) {
		r.Errorf("version %d ended as %+v, want the output %s", version, x, want)
	}
}

// TestVersionsRunTheirOwnCode has two versions and the live code run side by side, each on workers
// of its own, and the workers of a version end that is deleted.
func TestVersionsRunTheirOwnCode(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 3 })
	r.run()
	f := r.function("def main():\n    return 1\n")
	r.version(f)
	f = r.recode(f, "def main():\n    return 2\n")
	r.version(f)
	f = r.recode(f, "def main():\n    return 3\n")
	r.runs(f, 1, "1")
	r.runs(f, 2, "2")
	r.runs(f, 0, "3")
	of := func(version int) int {
		return r.count(func(w faas.Worker) bool { return w.Key.FunctionID == f.ID && w.Key.Version == version })
	}
	if of(0) != 1 || of(1) != 1 || of(2) != 1 {
		t.Errorf("there are %d, %d and %d workers, want one of each", of(0), of(1), of(2))
	}
	_, err := r.store.DeleteVersion(t.Context(), faas.AnyProject(), f.ID, 1)
	r.must(err)
	r.engine.broadcastChange(t.Context(), faas.FunctionChanged{FunctionID: f.ID, Version: 1})
	r.await("the workers of the deleted version end", func() bool { return of(1) == 0 })
	r.runs(f, 2, "2")
	r.runs(f, 0, "3")
	_, err = r.store.DeleteVersion(t.Context(), faas.AnyProject(), f.ID, 2)
	r.must(err)
	r.inSync()
	r.engine.repair.Sweep(t.Context()) // the news was lost
	r.await("the workers of the other end", func() bool { return of(2) == 0 })
	if of(0) != 1 {
		t.Errorf("%d workers of the live code are left", of(0))
	}
}

// TestVersionsShareTheirFunctionsWorkers has a function that may have two workers, and three
// versions of it called: an idle worker of one makes room for the next.
func TestVersionsShareTheirFunctionsWorkers(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize, l.PerFunction = 3, 2 })
	r.run()
	f := r.function("def main():\n    return 1\n")
	r.version(f)
	f = r.recode(f, "def main():\n    return 2\n")
	r.version(f)
	f = r.recode(f, "def main():\n    return 3\n")
	for range 2 {
		r.runs(f, 1, "1")
		r.runs(f, 2, "2")
		r.runs(f, 0, "3")
		if n := len(r.own(f)); n > 2 {
			t.Fatalf("the function has %d workers, it may have two", n)
		}
	}
}

// resultOf returns the execution's result as if it had taken no time.
func resultOf(x faas.Execution) string {
	var result struct{ Output json.RawMessage }
	if json.Unmarshal([]byte(x.Result), &result) != nil {
		return x.Result
	}
	return faas.ResultText(0, result.Output)
}

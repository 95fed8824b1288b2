package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
)

// manage asks for an action on the workers of a function, as an API does.
func (r *rig) manage(f faas.Function, version int, action faas.WorkersAction, count int) ([]faas.Worker, error) {
	r.Helper()
	return engineclient.New(r.broker, r.store.Shards()).Workers(
		r.Context(), faas.WorkersRequest{FunctionID: f.ID, Version: version, Action: action, Count: count},
	)
}

// has waits until a version has so many workers that take calls, and the list says so.
func (r *rig) has(f faas.Function, version, want int) {
	r.Helper()
	r.await("there are as many workers as were asked for", func() bool {
		listed, err := r.manage(f, 0, faas.WorkersList, 0)
		r.must(err)
		n := 0
		for _, w := range listed {
			if w.Key.Version == version {
				n++
			}
		}
		return n == want && r.count(func(w faas.Worker) bool {
			return w.Ready && w.Key.FunctionID == f.ID && w.Key.Version == version
		}) == want
	})
}

// TestWorkersAreScaledByHand has workers of a function and of a version of it come and go as asked.
func TestWorkersAreScaledByHand(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 2 })
	r.run()
	f := r.function("def main():\n    return 1\n")
	r.version(f)
	up := func(version, count int) {
		t.Helper()
		_, err := r.manage(f, version, faas.WorkersScaleUp, count)
		r.must(err)
	}
	up(0, 2)
	r.has(f, 0, 2)
	up(1, 1)
	r.has(f, 1, 1)
	r.has(f, 0, 2)
	if _, err := r.manage(f, 0, faas.WorkersScaleUp, 2); faas.KindOf(err) != faas.Conflict {
		t.Errorf("a fifth worker is refused with %v; the function may have four", err)
	}
	_, err := r.manage(f, 0, faas.WorkersScaleDown, 5)
	r.must(err)
	r.has(f, 0, 1) // one stays
	r.has(f, 1, 1)
	_, err = r.manage(f, 1, faas.WorkersDetach, 0)
	r.must(err)
	r.has(f, 1, 0)
	r.has(f, 0, 1)
	r.runs(f, 1, "1")
	for _, action := range []faas.WorkersAction{faas.WorkersScaleUp, faas.WorkersScaleDown, faas.WorkersDetach} {
		if _, err := r.manage(f, 2, action, 1); faas.KindOf(err) != faas.NotFound {
			t.Errorf("%s of a version that is not there: %v", action, err)
		}
	}
}

// TestDetachedWorkersEndTheirCalls detaches a worker whose call runs: the call ends as it would have,
// the worker with it, and the calls after it get another one.
func TestDetachedWorkersEndTheirCalls(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 2 })
	r.run()
	shared := testkit.SharedFolder(t)
	end, now := filepath.Join(shared, "end"), filepath.Join(shared, "now")
	r.must(os.WriteFile(now, nil, 0o644))
	f := r.function(waitsForFile)
	waiting := r.enqueue(f, fmt.Sprintf(`{"path": %q}`, end))
	r.await("the call runs", func() bool {
		reported := r.engine.fleet.Statuses(t.Context(), r.own(f))
		return len(reported) == 1 && reported[0].Status.Busy == 1
	})
	before := r.onlyWorker(f)
	_, err := r.manage(f, 0, faas.WorkersDetach, 0)
	r.must(err)
	if x := r.ended(r.enqueue(f, fmt.Sprintf(`{"path": %q}`, now))); x.Status != faas.ExecutionSuccess {
		t.Errorf("the call after it ended as %+v", x)
	}
	r.await("it has two workers", func() bool { return len(r.own(f)) == 2 })
	r.must(os.WriteFile(end, nil, 0o644))
	if x := r.ended(waiting); x.Status != faas.ExecutionSuccess {
		t.Errorf("the call that ran ended as %+v", x)
	}
	r.await("the detached worker ends", func() bool {
		left := r.own(f)
		return len(left) == 1 && left[0].ID != before.ID
	})
}

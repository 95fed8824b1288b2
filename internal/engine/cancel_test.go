package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/testkit"
)

// endless never ends by itself, unless it is told so; it returns which process it is.
const endless = `
import os, time
def main(wait=True):
    while wait:
        print("it waits", flush=True)
        time.sleep(1000)
    return os.getpid()
`

var cancelled = store.Cancellation{Output: faas.OutputCancelled}

// running has an execution of the function run.
func (r *rig) running(f faas.Function) (id string) {
	r.Helper()
	id = r.enqueue(f, "")
	r.await("the execution runs", func() bool {
		x, err := r.store.Execution(r.Context(), faas.AnyProject(), id)
		r.must(err)
		return x.Status == faas.ExecutionRunning
	})
	return id
}

// cancel cancels an execution as the API does.
func (r *rig) cancel(id string) {
	r.Helper()
	_, err := r.store.Cancel(r.Context(), faas.AnyProject(), id, cancelled)
	r.must(err)
	body, err := json.Marshal(faas.Cancellation{ExecutionID: id})
	r.must(err)
	r.must(r.broker.Broadcast(r.Context(), faas.TopicCancelled, body))
}

// over waits until the engine runs nothing and checks how the execution ended.
func (r *rig) over(id, output string) faas.Execution {
	r.Helper()
	r.await("nothing runs", func() bool { return r.engine.executions.Held() == 0 })
	x, err := r.store.Execution(r.Context(), faas.AnyProject(), id)
	r.must(err)
	if x.Status != faas.ExecutionCancelled || !strings.Contains(x.Result, output) {
		r.Errorf("got %+v", x)
	}
	return x
}

// TestCancelsWhatRuns ends an execution on its worker, which serves the next one.
func TestCancelsWhatRuns(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	f := r.function(endless)
	id := r.running(f)
	before := r.onlyWorker(f)
	r.cancel(id)
	x := r.over(id, faas.OutputCancelled)
	if again := r.over(id, faas.OutputCancelled); again != x {
		t.Errorf("the record has changed: %+v", again)
	}
	if next := r.ended(r.enqueue(f, `{"wait": false}`)); next.Status != faas.ExecutionSuccess {
		t.Errorf("the next one: %+v", next)
	}
	if after := r.onlyWorker(f); after.ID != before.ID {
		t.Errorf("workers were %v and are %v", before, after)
	}
}

// TestCancelKeepsTheLog waits for what the function has printed.
func TestCancelKeepsTheLog(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	printed := filepath.Join(testkit.SharedFolder(t), "printed")
	f := r.function(`
import time
def main(path):
    print("it waits", flush=True)
    open(path, "w").close()
    time.sleep(1000)
`)
	id := r.enqueue(f, `{"path": "`+printed+`"}`)
	r.await("it has printed", func() bool {
		_, err := os.Stat(printed)
		return err == nil
	})
	r.cancel(id)
	r.over(id, faas.OutputCancelled)
	if log, err := r.store.ExecutionLog(t.Context(), faas.AnyProject(), id); err != nil || log != "it waits\n" {
		t.Errorf("the log is %q, %v", log, err)
	}
}

// TestCancelledNeverRuns cancels an execution before an engine hears of it, and one whose news is
// lost: the engine finds that out when it renews its lease.
func TestCancelledNeverRuns(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.Lease = 3 * time.Second })
	f := r.function(endless)
	queued := r.enqueue(f, "")
	r.cancel(queued)
	r.run()
	running := r.running(f)
	if _, err := r.store.Cancel(t.Context(), faas.AnyProject(), running, cancelled); err != nil {
		t.Fatal(err)
	}
	r.over(running, faas.OutputCancelled)
	if x := r.over(queued, faas.OutputCancelled); x.Attempts != 0 || !x.StartedAt.IsZero() {
		t.Errorf("it ran: %+v", x)
	}
}

// TestDeletedFunctionEnds deletes a function while one execution of it runs and others are queued.
func TestDeletedFunctionEnds(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	f, kept := r.function(endless), r.function(endless)
	id, other := r.running(f), r.running(kept)
	_, err := r.store.DeleteFunction(t.Context(), faas.AnyProject(), f.ID)
	r.must(err)
	queued := r.enqueue(f, "")
	body, err := json.Marshal(faas.FunctionChanged{FunctionID: f.ID})
	r.must(err)
	r.must(r.broker.Broadcast(t.Context(), faas.TopicFunction, body))
	for _, id := range []string{id, queued} {
		x := r.ended(id)
		if x.Status != faas.ExecutionCancelled || !strings.Contains(x.Result, faas.OutputDeleted) {
			t.Errorf("got %+v", x)
		}
	}
	if x, err := r.store.Execution(t.Context(), faas.AnyProject(), other); err != nil || x.Status != faas.ExecutionRunning {
		t.Errorf("another function's: %+v, %v", x, err)
	}
	r.cancel(other)
	r.over(other, faas.OutputCancelled)
	r.await("its workers end", func() bool { return len(r.own(f)) == 0 })
}

// TestDeletedVersionEnds deletes a version while one execution of it runs and another is queued. The
// live code goes on.
func TestDeletedVersionEnds(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	f := r.function(endless)
	v := r.version(f)
	enqueue := func() string {
		x := faas.Execution{ID: faas.NewID(), ProjectID: f.ProjectID, FunctionID: f.ID, FunctionVersion: v.Version}
		r.must(r.store.Enqueue(t.Context(), x))
		r.must(r.broker.Enqueue(t.Context(), faas.ExecutionsQueue(f.ProjectID), []byte(x.ID)))
		return x.ID
	}
	live, id := r.running(f), enqueue()
	runs := func(id string) bool {
		x, err := r.store.Execution(t.Context(), faas.AnyProject(), id)
		return err == nil && x.Status == faas.ExecutionRunning
	}
	r.await("the version's execution runs", func() bool { return runs(id) })
	_, err := r.store.DeleteVersion(t.Context(), faas.AnyProject(), f.ID, v.Version)
	r.must(err)
	queued := enqueue()
	r.engine.broadcastChange(t.Context(), faas.FunctionChanged{FunctionID: f.ID, Version: v.Version})
	for _, id := range []string{id, queued} {
		x := r.ended(id)
		if x.Status != faas.ExecutionCancelled || !strings.Contains(x.Result, faas.OutputNoVersion) {
			t.Errorf("got %+v", x)
		}
	}
	if !runs(live) {
		t.Error("the live code's execution ended, too")
	}
	r.cancel(live)
	r.over(live, faas.OutputCancelled)
}

package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/testkit"
)

const echoes = "def main(**kwargs):\n    return kwargs\n"

// within has the rig's engine keep to a quota of every project.
func (r *rig) within(limits faas.Amounts) *quota.Quotas {
	q := quota.New(quota.Config{Driver: quota.Database{Store: r.store.QuotaStore}, Defaults: limits})
	r.with(func(c *Config) { c.Quotas, c.Calls = q, quota.NewCalls(q, r.store.Shards(), nil) })
	r.engine.cfg.Calls.CountMemory(r.engine.WorkerMemory)
	return q
}

func (r *rig) set(q *quota.Quotas, of faas.Resource, limit int64) {
	r.Helper()
	r.must(q.Set(r.Context(), project, map[faas.Resource]*int64{of: &limit}))
}

// waitsForFile is a function that returns once there is a file of the path.
const waitsForFile = `
import os, time
def main(path):
    while not os.path.exists(path):
        time.sleep(0.01)
`

// TestWorkersWithinMemory has a project whose workers may have the memory of one: another
// function's idle one makes room, a busy one does not.
func TestWorkersWithinMemory(t *testing.T) {
	r := newRig(t, nil)
	q := r.within(faas.Amounts{faas.ResourceMemory: faas.DefaultMemorySize})
	sleeper, echo := r.function(waitsForFile), r.function(echoes)
	stranger := r.functionOf(other, echoes)
	r.run()
	api := r.api(hangTimeout)
	wake, slept := filepath.Join(testkit.SharedFolder(t), "wake"), make(chan error, 1)
	go func() {
		_, err := r.call(api, sleeper, fmt.Sprintf(`{"path": %q}`, wake))
		slept <- err
	}()
	r.await("the sleeper has a worker", func() bool { return len(r.own(sleeper)) == 1 })
	_, err := r.call(r.api(2*time.Second), echo, `{}`)
	if faas.KindOf(err) != faas.Busy ||
		!strings.Contains(
			err.Error(),
			"Quota exceeded for worker_memory: limit 33554432, in use 33554432, asked for 33554432 more.",
		) {
		t.Errorf("while a worker has all the memory: %v", err)
	}
	if got := r.engine.cfg.Calls.Use(project)[faas.ResourceMemory]; got != faas.DefaultMemorySize {
		t.Errorf("in use: %d", got)
	}
	if _, err := r.call(r.api(hangTimeout), stranger, `{}`); err != nil {
		t.Errorf("another project: %v", err)
	}
	r.must(os.WriteFile(wake, nil, 0o644))
	if err := <-slept; err != nil {
		t.Error(err)
	}
	if _, err := r.call(r.api(hangTimeout), echo, `{}`); err != nil {
		t.Errorf("when the worker is idle: %v", err)
	}
	r.await("the idle worker has gone", func() bool { return len(r.own(sleeper)) == 0 })

	r.set(q, faas.ResourceMemory, faas.DefaultMemorySize-1)
	begun := time.Now()
	_, err = r.call(r.api(hangTimeout), sleeper, `{"path": "/"}`)
	if faas.KindOf(err) != faas.OverQuota || time.Since(begun) > hangTimeout/2 {
		t.Errorf("a function that asks for more than its project may have: %v after %s", err, time.Since(begun))
	}
	x := r.ended(r.enqueue(sleeper, `{"path": "/"}`))
	if x.Status != faas.ExecutionError || !strings.Contains(x.Result, "Quota exceeded for worker_memory") {
		t.Errorf("an asynchronous execution ended as %+v", x)
	}
}

// TestMemoryOfOthersWorkers has an engine that comes later know what the workers have that others
// have made. The worker is busy meanwhile: an idle one would make room.
func TestMemoryOfOthersWorkers(t *testing.T) {
	r := newRig(t, nil)
	first, second := r.function(slow), r.function(echoes)
	memory := int64(3 << 25)
	first, err := r.store.UpdateFunction(t.Context(), faas.AnyProject(), first.ID, store.FunctionChange{
		MemorySize: &memory,
	})
	r.must(err)
	r.run()
	api := r.api(10 * time.Second)
	if _, err := r.call(api, first, `{"n": 0}`); err != nil {
		t.Fatal(err)
	}
	r.await("the worker is told to be the function's", func() bool { return len(r.own(first)) == 1 })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = r.call(api, first, `{"n": 19}`) // until its worker is removed
	}()
	r.awaitCall(first)
	r.stop()
	r.within(faas.Amounts{faas.ResourceMemory: 3 * faas.DefaultMemorySize / 2})
	r.run()
	r.await("it owns the functions' shards", func() bool {
		return r.engine.shards.Owns(first.ID) && r.engine.shards.Owns(second.ID)
	})
	_, err = r.call(r.api(time.Second), second, `{}`)
	if faas.KindOf(err) != faas.Busy || !strings.Contains(err.Error(), "in use 100663296") {
		t.Errorf("while another engine's worker has all the memory: %v", err)
	}
	if got := r.engine.WorkerMemory()[project]; got != memory {
		t.Errorf("another engine's worker counts as %d bytes", got)
	}
	r.must(r.workers.Remove(t.Context(), r.own(first)[0].ID))
	<-ended
}

// TestAsynchronousExecutionsWithinQuota has no more of them run at a time than the project may
// have; the others wait, and all run.
func TestAsynchronousExecutionsWithinQuota(t *testing.T) {
	r := newRig(t, nil)
	q := r.within(faas.Amounts{faas.ResourceExecutions: 1})
	f := r.function(
		"import time\ndef main():\n    begun = time.time()\n    time.sleep(0.2)\n    return [begun, time.time()]\n",
	)
	r.run()
	var ids []string
	for range 4 {
		ids = append(ids, r.enqueue(f, `{}`))
	}
	most := int64(0)
	r.await("all have ended", func() bool {
		most = max(most, r.engine.cfg.Calls.Use(project)[faas.ResourceExecutions])
		for _, id := range ids {
			x, err := r.store.Execution(t.Context(), faas.AnyProject(), id)
			r.must(err)
			if !x.Status.Ended() {
				return false
			}
		}
		return true
	})
	if most != 1 {
		t.Errorf("%d ran at a time", most)
	}
	for _, id := range ids {
		if x := r.ended(id); x.Status != faas.ExecutionSuccess {
			t.Errorf("%+v", x)
		}
	}

	r.set(q, faas.ResourceExecutions, 0)
	waits := r.enqueue(f, `{}`)
	r.await("it waits for its turn", func() bool { return len(r.engine.executions.Waiting()) == 1 })
	r.set(q, faas.ResourceExecutions, 1)
	if x := r.ended(waits); x.Status != faas.ExecutionSuccess {
		t.Errorf("%+v", x)
	}
}

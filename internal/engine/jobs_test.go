package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestJobs has two engines execute the functions of 50 jobs, one of which ends meanwhile: each job
// is executed as often as it says, and no time of it twice.
func TestJobs(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 2 })
	r.run()
	second := r.another("engine-2")
	defer r.start(second)()
	<-second.Ready()
	f := r.function(echo)
	const count = 3
	var ids []string
	for range 50 {
		j, err := r.store.CreateJob(t.Context(), faas.Job{
			ProjectID: project, Calls: faas.FunctionRef{FunctionID: f.ID}, Pattern: "* * * * * *", Count: count,
			Status: faas.JobRunning, NextAt: time.Now(),
		}, nil)
		r.must(err)
		ids = append(ids, j.ID)
	}
	job := func(id string) faas.Job {
		j, err := r.store.Job(t.Context(), faas.AnyProject(), id)
		r.must(err)
		return j
	}
	r.await("the first job was executed", func() bool { return job(ids[0]).Count < count })
	r.stop()
	for _, id := range ids {
		r.await("a job is done", func() bool { return job(id).Status == faas.JobDone })
		page, err := r.store.Executions(t.Context(), faas.AnyProject(), faas.Query{
			Filters: []faas.Filter{{Field: "description", Op: "eq", Values: []string{"Created by Job " + id}}},
		})
		r.must(err)
		if len(page.Items) != count || job(id).Count != 0 {
			t.Errorf("%d executions of %+v", len(page.Items), job(id))
		}
		for _, x := range page.Items {
			if got := r.ended(x.ID); got.Status != faas.ExecutionSuccess || got.Attempts != 1 {
				t.Errorf("got %+v", got)
			}
		}
	}
	if items, err := r.store.DueKinds(t.Context()); err != nil || slices.Contains(items, store.JobExecution) {
		t.Errorf("left are items of %v, %v", items, err)
	}
}

// TestAnnouncedJobs has jobs executed that are due before the engine would look: it is told of them.
func TestAnnouncedJobs(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.Reap = time.Hour }) // nothing else has it look
	r.run()
	r.ownsAll(r.engine)
	f := r.function(echo)
	client := engineclient.New(r.broker, r.store.Shards())
	const jobs = 10
	begun := time.Now()
	for range jobs {
		j, err := r.store.CreateJob(t.Context(), faas.Job{
			ProjectID: project, Calls: faas.FunctionRef{FunctionID: f.ID}, Count: 1, Status: faas.JobRunning, NextAt: time.Now(),
		}, nil)
		r.must(err)
		r.must(client.WorkAdded(t.Context(), j.ID, 0))
		r.await("the job was executed", func() bool {
			got, err := r.store.Job(t.Context(), faas.AnyProject(), j.ID)
			r.must(err)
			return got.Status == faas.JobDone
		})
	}
	// By itself it looks every faas.WorkLook.
	if took := time.Since(begun); took > jobs*faas.WorkLook/2 {
		t.Errorf("%d jobs one after another took %v", jobs, took)
	}
	t.Logf("%d jobs one after another took %v", jobs, time.Since(begun))
}

package cloud

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/faas"
)

const (
	jobs     = 50
	jobTimes = 30 // of each job
	jobEvery = 3 * time.Second
)

// job is what the API shows of one.
type job struct {
	ID, Status string
	Function   string `json:"function_id"`
	Count      *int
	Next       string `json:"next_execution_time"`
}

// TestJobsWhenAnEngineIsKilled has 50 jobs executed every three seconds, thirty times, and kills an
// engine in between: each time of each job has one execution, and that ran once.
func TestJobsWhenAnEngineIsKilled(t *testing.T) {
	t.Parallel() // it mostly waits
	ctx := testContext(t)
	i := newInstallation(ctx, t, "jobs")
	i.serve("engine-1", "engine-2")
	c := i.client()
	w := startWorld(t)
	function := create(ctx, t, c, "python3", tell, apiclient.NewFunction{}).ID
	awaitPool(ctx, t, c, "python3")
	var all []job
	for n := range jobs {
		all = append(all, createJob(ctx, t, c, map[string]any{
			"function_id": function, "pattern": "* * * * * */3", "count": jobTimes,
			"function_input": map[string]any{"n": n + 1, "url": "http://" + w.address},
		}))
	}
	show := func(j job) (shown job) {
		must(t, c.Do(ctx, "GET", "/v1/jobs/"+j.ID, nil, &shown))
		return shown
	}
	await(ctx, t, "a third of the times is over", func() bool { return *show(all[jobs/2]).Count <= jobTimes*2/3 })
	i.kill("engine-1")
	await(ctx, t, "two thirds of the times are over", func() bool { return *show(all[jobs/2]).Count <= jobTimes/3 })
	i.start("engine-1", here(t))
	settled, late := 0, time.Duration(0)
	for n, j := range all {
		await(ctx, t, "a job is done", func() bool { return show(j).Status == "done" })
		first, err := time.Parse("2006-01-02 15:04:05.999999", j.Next)
		must(t, err)
		wanted := map[string]time.Time{}
		for tick := range jobTimes {
			at := first.Add(time.Duration(tick) * jobEvery)
			wanted[faas.IDOf(j.ID, at)] = at
		}
		succeeded, open := 0, 0
		for _, x := range executionsOf(ctx, t, c, j) {
			at, ok := wanted[x.ID]
			if !ok {
				t.Errorf("job %s has an execution %s of none of its times", j.ID, x.ID)
				continue
			}
			delete(wanted, x.ID)
			created, err := time.Parse("2006-01-02 15:04:05.999999", x.CreatedAt)
			must(t, err)
			late = max(late, created.Sub(at))
			switch x, err = c.Await(ctx, x.ID, 50*time.Millisecond); {
			case err != nil:
				t.Error(err)
			case x.Status == "success":
				succeeded++
			case x.Status == "error" && strings.Contains(x.Result, "may have run"):
				open++
			default:
				t.Errorf("execution %s: %s %s", x.ID, x.Status, x.Result)
			}
		}
		if len(wanted) > 0 {
			t.Errorf("job %s has no execution of %v", j.ID, wanted)
		}
		if ran := w.times(n + 1); ran < succeeded || ran > succeeded+open {
			t.Errorf("job %s ran %d times; %d executions succeeded and %d may have run", j.ID, ran, succeeded, open)
		}
		settled += open
	}
	t.Logf("%d executions of %d jobs; %d may have run; the latest was %v late", jobs*jobTimes, jobs, settled, late)
}

// createJob makes a job that the test's end deletes.
func createJob(ctx context.Context, t *testing.T, c *apiclient.Client, body map[string]any) (made job) {
	t.Helper()
	must(t, c.Do(ctx, "POST", "/v1/jobs", body, &made))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		if err := c.Do(ctx, "DELETE", "/v1/jobs/"+made.ID, nil, nil); err != nil {
			t.Error(err)
		}
	})
	return made
}

// executionsOf lists the executions of a job. They are looked for among those of its function: the
// service has too many to go through.
func executionsOf(ctx context.Context, t *testing.T, c *apiclient.Client, j job) []apiclient.Execution {
	t.Helper()
	var page struct{ Executions []apiclient.Execution }
	query := url.Values{"function_id": {j.Function}, "description": {"Created by Job " + j.ID}, "limit": {"1000"}}
	must(t, c.Do(ctx, "GET", "/v1/executions?"+query.Encode(), nil, &page))
	return page.Executions
}

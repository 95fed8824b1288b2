package functional

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// TestOpenStackJobs types every command of the client that belongs to jobs, and looks at what they
// do.
func TestOpenStackJobs(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 1\n", &log)
	defer stop(t, s)
	f := python(ctx, t, s.Client, "def main(name):\n    return 'Hello, ' + name\n")
	o := openstack{t: t, ctx: ctx, endpoint: s.Client.Endpoint, dir: t.TempDir()}
	o.refused("pattern or first_execution_time must be specified", "job", "create", "--function", f.ID)
	o.refused("The specified pattern is not valid", "job", "create", "--function", f.ID, "--pattern", "* * *")
	o.refused(
		"at least 1 minute in the future", "job", "create", "--function", f.ID, "--first-execution-time",
		"2020-01-01T00:00:00",
	)
	o.refused("Function alias none can not be found", "job", "create", "--function-alias", "none", "--pattern", "@daily")

	made := o.show("job", "create", "--function", f.Name, "--name", "often", "--pattern", "* * * * * *", "--count", "2",
		"--function-input", `{"name": "Ada"}`)
	id, _ := made["id"].(string)
	if made["name"] != "often" || made["status"] != "running" || made["count"] != 2.0 || made["function_id"] != f.ID ||
		made["pattern"] != "* * * * * *" || made["next_execution_time"] == nil {
		t.Errorf("job create shows %v", made)
	}
	await(ctx, t, "the job is done", func() bool {
		var j struct{ Status string }
		return s.Client.Do(ctx, "GET", "/v1/jobs/"+id, nil, &j) == nil && j.Status == "done"
	})
	o.executed(s.Client, id, 2, `"Hello, Ada"`)
	shown := o.show("job", "show", id)
	if shown["status"] != "done" || shown["count"] != 0.0 || shown["next_execution_time"] != nil {
		t.Errorf("job show shows %v", shown)
	}
	o.refused("Can not update a finished job", "job", "update", id, "--name", "x")

	other := o.show("job", "create", "--function", f.ID, "--first-execution-time",
		time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05"))["id"].(string)
	paused := o.show(
		"job", "update", other, "--name", "renamed", "--status", "paused", "--function-input", `{"name": "Bob"}`,
	)
	if paused["name"] != "renamed" || paused["status"] != "paused" ||
		!strings.Contains(paused["function_input"].(string), "Bob") {
		t.Errorf("job update shows %v", paused)
	}
	next := time.Now().UTC().Add(2 * time.Hour).Format("2006-01-02T15:04:05")
	moved := o.show("job", "update", other, "--status", "running", "--next-execution-time", next)
	if moved["status"] != "running" ||
		!strings.HasPrefix(moved["next_execution_time"].(string), strings.Replace(next, "T", " ", 1)) {
		t.Errorf("job update shows %v, want it at %s", moved, next)
	}
	o.refused("Can not change job type", "job", "update", other, "--pattern", "@daily")
	o.refused("in use by job "+other, "function", "delete", f.ID)
	list := o.must("job", "list", "-f", "value", "-c", "Id", "-c", "Status")
	if len(strings.Split(list, "\n")) != 2 || !strings.Contains(list, id+" done") ||
		!strings.Contains(list, other+" running") {
		t.Errorf("job list prints %q", list)
	}
	o.must("job", "delete", id, other)
	o.refused("not found", "job", "show", other)
	o.must("function", "delete", f.ID)
	if t.Failed() {
		t.Log(log.String())
	}
}

// executed expects that a job has so many executions with the result.
func (o openstack) executed(c *apiclient.Client, job string, want int, result string) {
	o.t.Helper()
	var page struct{ Executions []apiclient.Execution }
	query := url.Values{"description": {"Created by Job " + job}}
	err := c.Do(o.ctx, "GET", "/v1/executions?"+query.Encode(), nil, &page)
	if err != nil || len(page.Executions) != want {
		o.t.Fatalf("the job has %+v, %v; want %d executions", page.Executions, err, want)
	}
	for _, x := range page.Executions {
		x, err := c.Await(o.ctx, x.ID, 10*time.Millisecond)
		if err != nil || x.Status != "success" || string(x.Output()) != result {
			o.t.Errorf("an execution of the job is %+v, %v", x, err)
		}
	}
}

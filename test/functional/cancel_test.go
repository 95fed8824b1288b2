package functional

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/testkit"
)

// cancellable writes down which process runs it and, unless it is to be quick, never ends. It
// returns who has started its process.
const cancellable = `
import os, time
def main(folder, name):
    path = os.path.join(folder, name)
    with open(path + ".new", "w") as mark:
        mark.write(str(os.getpid()))
    os.rename(path + ".new", path)
    while not name.startswith("quick"):
        time.sleep(1000)
    return os.getppid()
`

// canceller calls one function and cancels its executions.
type canceller struct {
	*testing.T
	ctx      context.Context
	client   apiclient.Client
	function string
	folder   string // of the marks that calls make
}

func newCanceller(ctx context.Context, t *testing.T, s *apiclient.Service) *canceller {
	t.Helper()
	c := &canceller{
		T: t, ctx: ctx, client: *s.Client, function: python(ctx, t, s.Client, cancellable).ID,
		folder: testkit.SharedFolder(t),
	}
	c.client.Header = map[string]string{"OpenStack-API-Version": "function-engine 1.7"}
	return c
}

func (c *canceller) execute(name string, sync bool) apiclient.Execution {
	c.Helper()
	x, err := c.client.Execute(c.ctx, c.function, sync, map[string]string{"folder": c.folder, "name": name})
	if err != nil {
		c.Error(err)
	}
	return x
}

// begun waits for the mark of a call and returns the call's process.
func (c *canceller) begun(name string) (pid int) {
	c.Helper()
	await(c.ctx, c.T, name+" runs", func() bool {
		text, err := os.ReadFile(filepath.Join(c.folder, name))
		if err == nil {
			pid, err = strconv.Atoi(string(text))
		}
		return err == nil
	})
	return pid
}

// gone waits until the process of a call is gone.
func (c *canceller) gone(pid int) {
	c.Helper()
	await(c.ctx, c.T, "the process is gone", func() bool { return syscall.Kill(pid, 0) != nil })
}

// cancel cancels an execution and expects an error of this kind, 0 for none.
func (c *canceller) cancel(id string, status int) {
	c.Helper()
	var x apiclient.Execution
	err := c.client.Do(c.ctx, http.MethodPost, "/v1/executions/"+id+"/cancel", nil, &x)
	var refused *apiclient.Error
	switch {
	case err == nil && status == 0 && x.Status == "cancelled":
	case errors.As(err, &refused) && refused.Status == status:
	default:
		c.Errorf("cancel %s: %+v, %v; want %d", id, x, err, status)
	}
}

// sole returns the id of the one execution of the function that runs. Its record may be a moment
// behind it.
func (c *canceller) sole() (id string) {
	c.Helper()
	await(c.ctx, c.T, "one execution runs", func() bool {
		var page struct{ Executions []apiclient.Execution }
		err := c.client.Do(c.ctx, http.MethodGet, "/v1/executions?status=running&function_id="+c.function, nil, &page)
		if err != nil {
			c.Fatal(err)
		}
		for _, x := range page.Executions {
			id = x.ID
		}
		return len(page.Executions) == 1
	})
	return id
}

// TestCancel ends calls under way, and one that waits. The worker serves on.
func TestCancel(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\nmax_workers_per_function = 1\n", &log)
	defer stop(t, s)
	c := newCanceller(ctx, t, s)
	before := string(c.execute("quick", true).Output())

	ended := make(chan apiclient.Execution, 1)
	go func() { ended <- c.execute("sync", true) }()
	pid := c.begun("sync")
	id := c.sole()
	c.cancel(id, 0)
	if x := <-ended; x.ID != id || x.Status != "cancelled" || !strings.Contains(x.Result, "was cancelled") {
		t.Errorf("its caller is answered %+v", x)
	}
	c.gone(pid)
	c.cancel(id, http.StatusConflict)

	// Three fill the worker, so that the fourth waits.
	running := map[string]int{}
	for n := range 3 {
		name := fmt.Sprint("async", n)
		x := c.execute(name, false)
		running[x.ID] = c.begun(name)
	}
	late := c.execute("late", false)
	c.cancel(late.ID, 0)
	for id, pid := range running {
		c.cancel(id, 0)
		c.gone(pid)
	}
	if after := string(c.execute("quick again", true).Output()); after != before || after == "" {
		t.Errorf("the worker was %s and is %s", before, after)
	}
	if _, err := os.Stat(filepath.Join(c.folder, "late")); !os.IsNotExist(err) {
		t.Errorf("what was cancelled while it waited has run: %v", err)
	}
	for id := range running {
		if x, err := c.client.Execution(ctx, id); err != nil || x.Status != "cancelled" {
			t.Errorf("got %+v, %v", x, err)
		}
		if x, err := s.Client.Execution(ctx, id); err != nil || x.Status != "error" { // to clients of 1.0
			t.Errorf("got %+v, %v", x, err)
		}
	}
	if t.Failed() {
		t.Log(log.String())
	}
}

// TestDeleteWhileItRuns deletes a function under its calls.
func TestDeleteWhileItRuns(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\nmax_workers_per_function = 1\n", &log)
	defer stop(t, s)
	c := newCanceller(ctx, t, s)
	ended := make(chan apiclient.Execution, 1)
	go func() { ended <- c.execute("sync", true) }()
	pids := []int{c.begun("sync")}
	var all []string
	for n := range 2 {
		name := fmt.Sprint("async", n)
		all = append(all, c.execute(name, false).ID)
		pids = append(pids, c.begun(name))
	}
	all = append(all, c.execute("late", false).ID) // no slot is free
	if err := c.client.Do(ctx, http.MethodDelete, "/v1/functions/"+c.function, nil, nil); err != nil {
		t.Fatal(err)
	}
	if x := <-ended; x.Status != "cancelled" || !strings.Contains(x.Result, "does not exist any more") {
		t.Errorf("its caller is answered %+v", x)
	}
	for _, pid := range pids {
		c.gone(pid)
	}
	for _, id := range all {
		var x apiclient.Execution
		await(ctx, t, "it has ended", func() bool {
			var err error
			x, err = c.client.Execution(ctx, id)
			return err == nil && x.Status != "running"
		})
		if x.Status != "cancelled" || !strings.Contains(x.Result, "does not exist any more") {
			t.Errorf("got %+v", x)
		}
	}
	if _, err := os.Stat(filepath.Join(c.folder, "late")); !os.IsNotExist(err) {
		t.Errorf("what waited has run: %v", err)
	}
	if t.Failed() {
		t.Log(log.String())
	}
}

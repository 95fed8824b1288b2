package cloud

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/test/functional/sizes"
)

const echo = "def main(context=None, **kwargs):\n    print('hello')\n    return kwargs\n"

const echoNode = "exports.main = (input) => { console.log('hello'); return input }\n"

// TestFunctionRuns calls through both APIs, synchronously and asynchronously, in both languages,
// and reads logs.
func TestFunctionRuns(t *testing.T) {
	ctx := testContext(t)
	for runtime, code := range map[string]string{"python3": echo, "nodejs": echoNode} {
		f := create(ctx, t, only(t, 0), runtime, code, apiclient.NewFunction{})
		for i := range 2 {
			c := only(t, i)
			for _, sync := range []bool{true, false} {
				x, err := c.Execute(ctx, f.ID, sync, map[string]int{"n": i})
				must(t, err)
				x, err = only(t, 1-i).Await(ctx, x.ID, 20*time.Millisecond) // the other API knows of it
				must(t, err)
				if x.Status != "success" || string(x.Output()) != fmt.Sprintf(`{"n":%d}`, i) {
					t.Errorf("%s, sync %v: %s %s", runtime, sync, x.Status, x.Result)
				}
				log, err := c.Log(ctx, x.ID)
				must(t, err)
				if log != "hello\n" {
					t.Errorf("%s, sync %v: log %q", runtime, sync, log)
				}
			}
		}
	}
}

// TestColdStart calls fresh functions with a full pool while the Kubernetes API server is stopped:
// it answers nothing, so a call that waited for a read or a write there would not end before the
// server goes on. That the worker gets its labels afterwards shows that there was something to
// write.
func TestColdStart(t *testing.T) {
	rounds := sizes.Of(6, 3)
	ctx := testContext(t)
	c := only(t, 0)
	n := 0
	for range rounds {
		var fresh []string
		for range poolSize {
			n++
			f := create(ctx, t, c, "python3", fmt.Sprintf("%s# %d\n", echo, n), apiclient.NewFunction{})
			fresh = append(fresh, f.ID)
		}
		awaitPool(ctx, t, c, "python3")
		resume := pause(t, "kube-apiserver")
		begun := time.Now()
		for _, id := range fresh {
			x, err := c.Execute(ctx, id, true, map[string]int{"n": n})
			must(t, err)
			if x.Status != "success" {
				t.Fatalf("%s %s", x.Status, x.Result)
			}
		}
		t.Logf("%d cold starts without Kubernetes in %v", len(fresh), time.Since(begun))
		resume()
		for _, id := range fresh {
			ofPods(ctx, t, "faas.openstack.org/function-id="+id, ".metadata.name")
			must(t, c.Do(ctx, "DELETE", "/v1/functions/"+id, nil, nil)) // its worker makes room for the next
		}
	}
}

// TestAsyncBurst asks for 200 executions at once with a pool of three.
func TestAsyncBurst(t *testing.T) {
	ctx := testContext(t)
	c := client(t)
	f := create(ctx, t, c, "python3", echo, apiclient.NewFunction{})
	awaitPool(ctx, t, c, "python3")
	begun := time.Now()
	ids := make(chan string, 200)
	var group sync.WaitGroup
	for caller := range 20 {
		group.Go(func() {
			for i := range 10 {
				x, err := c.Execute(ctx, f.ID, false, map[string]int{"n": 10*caller + i})
				if err != nil {
					t.Error(err)
					return
				}
				ids <- x.ID
			}
		})
	}
	group.Wait()
	close(ids)
	byStatus := map[string]int{}
	for id := range ids {
		x, err := c.Await(ctx, id, 10*time.Millisecond)
		must(t, err)
		byStatus[x.Status]++
	}
	t.Logf("200 asynchronous executions on a pool of three: %v in %v", byStatus, time.Since(begun))
	if byStatus["success"] != 200 {
		t.Errorf("%v, want 200 successes", byStatus)
	}
}

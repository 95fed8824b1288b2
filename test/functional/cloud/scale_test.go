package cloud

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

const sleeper = "import time\n\ndef main(seconds, **kwargs):\n    time.sleep(seconds)\n    return seconds\n"

// workers counts the pods that serve a function.
func workers(t *testing.T, function string) int {
	t.Helper()
	return len(
		strings.Fields(
			kubectl(t.Context(), t, "get", "pods", "-n", "faas", "-l", "faas.openstack.org/function-id="+function, "-o", "name"),
		),
	)
}

// meet is a function that says which worker it is on and returns when it is answered.
const meet = `
import socket, urllib.request

def main(url, **kwargs):
    return urllib.request.urlopen(url + "/" + socket.gethostname(), timeout=250).read().decode()
`

// TestGrowsByConcurrency has six calls, three to a worker, of which none ends before all six are
// under way; and then nothing until no worker is left.
func TestGrowsByConcurrency(t *testing.T) {
	ctx := testContext(t)
	c := client(t)
	f := create(ctx, t, c, "python3", meet, apiclient.NewFunction{Timeout: 300})
	awaitPool(ctx, t, c, "python3")
	begun := time.Now()
	g := startGate(t)
	group := g.call(ctx, t, 6, func() (apiclient.Execution, error) {
		return c.Execute(ctx, f.ID, true, map[string]string{"url": g.url})
	})
	await(ctx, t, "six calls are under way", func() bool { return g.count() == 6 })
	await(ctx, t, "both workers have their labels", func() bool { return workers(t, f.ID) >= 2 })
	if n, hosts := workers(t, f.ID), g.hosts(); n != 2 || len(hosts) != 2 {
		t.Errorf("six calls run on %v, of %d workers, want two", hosts, n)
	}
	t.Logf("six calls at once after %v: %v", time.Since(begun), g.hosts())
	g.open()
	group.Wait()
	await(ctx, t, "no worker is left", func() bool { return workers(t, f.ID) == 0 })
	t.Logf("no worker was left %v after the first call", time.Since(begun))
}

// TestManyFunctionsAtOnce calls new functions at once, more than twice as many as a pool has
// workers at most: for those who find none, and whom what refills the pool leaves out, workers are
// started beside it, and all are answered. On a machine where so many pods take longer to start
// than a call waits, who is told to come again does as it is told.
func TestManyFunctionsAtOnce(t *testing.T) {
	const functions = 26 // a pool grows to ten
	ctx := testContext(t)
	c := client(t)
	var all []apiclient.Function
	for n := range functions {
		code := fmt.Sprintf("def main(**kwargs):\n    return %d\n", n)
		all = append(all, create(ctx, t, c, "python3", code, apiclient.NewFunction{}))
	}
	awaitPool(ctx, t, c, "python3")
	took := make([]time.Duration, functions)
	var refused atomic.Int32
	var group sync.WaitGroup
	begun := time.Now()
	for n, f := range all {
		group.Go(func() {
			for {
				x, err := c.Execute(ctx, f.ID, true, nil)
				took[n] = time.Since(begun)
				if again, told := comeAgain(err); told {
					refused.Add(1)
					select {
					case <-time.After(again): // as it is told
						continue
					case <-ctx.Done():
						t.Errorf("function %d: %v", n, err)
						return
					}
				}
				if err != nil || x.Status != "success" || string(x.Output()) != strconv.Itoa(n) {
					t.Errorf("function %d: %s %s %v", n, x.Status, x.Result, err)
				}
				return
			}
		})
	}
	if startedBeside(ctx, t, all) == 0 {
		t.Error("no worker was started beside the pool")
	}
	group.Wait()
	slices.Sort(took)
	t.Logf("%d functions at once: half are answered after %v, all but one after %v, all after %v; %d refusals",
		functions, took[functions/2-1], took[functions-2], took[functions-1], refused.Load())
}

// besidePool is the end of the names of workers that are started beside a pool.
var besidePool = regexp.MustCompile(`-x[a-z0-9]{15}$`)

// startedBeside waits until each function has had a worker of its own, and returns how many of them
// were started beside the pool, which has to be small before. It looks while they are called: where
// many pods take long to start, the first have idled too long, and are gone, before the last
// answer. A worker is labelled a moment after its first call.
func startedBeside(ctx context.Context, t *testing.T, all []apiclient.Function) (n int) {
	t.Helper()
	var ids []string
	for _, f := range all {
		ids = append(ids, f.ID)
	}
	of := "faas.openstack.org/function-id in (" + strings.Join(ids, ",") + ")"
	seen := map[string]bool{}
	await(ctx, t, "each function has a worker of its own", func() bool {
		pods := kubectl(ctx, t, "get", "pods", "-n", "faas", "-l", of, "-o", "jsonpath={.items[*].metadata.name}")
		for _, pod := range strings.Fields(pods) {
			seen[pod] = true
		}
		return len(seen) >= len(all)
	})
	for pod := range seen {
		if besidePool.MatchString(pod) {
			n++
		}
	}
	return n
}

// comeAgain returns when a call that was refused for want of a worker is to be made again.
func comeAgain(err error) (after time.Duration, told bool) {
	var e *apiclient.Error
	if !errors.As(err, &e) || e.Status != 429 {
		return 0, false
	}
	seconds, wrong := strconv.Atoi(e.RetryAfter)
	return time.Duration(seconds) * time.Second, wrong == nil
}

// TestFlood has 200 calls at once on a pool of three: each is answered with its result, or told to
// come again.
func TestFlood(t *testing.T) {
	ctx := testContext(t)
	c := client(t)
	f := create(ctx, t, c, "python3", sleeper, apiclient.NewFunction{})
	awaitPool(ctx, t, c, "python3")
	var mu sync.Mutex
	ok, busy := 0, 0
	var group sync.WaitGroup
	begun := time.Now()
	for range 200 {
		group.Go(func() {
			x, err := c.Execute(ctx, f.ID, true, map[string]float64{"seconds": 0.2})
			var e *apiclient.Error
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && x.Status == "success":
				ok++
			case errors.As(err, &e) && e.Status == 429 && e.RetryAfter != "":
				busy++
			default:
				t.Errorf("%s %s %v", x.Status, x.Result, err)
			}
		})
	}
	group.Wait()
	t.Logf(
		"200 calls of 0.2 s at once: %d answered, %d told to come again, in %v, on %d workers", ok, busy,
		time.Since(begun), workers(t, f.ID),
	)
	if ok == 0 {
		t.Error("none was answered")
	}
}

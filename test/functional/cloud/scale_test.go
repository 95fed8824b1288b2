package cloud

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

const sleeper = "import time\n\ndef main(seconds, **kwargs):\n    time.sleep(seconds)\n    return seconds\n"

// workers counts the pods that serve a function.
func workers(t *testing.T, function string) int {
	t.Helper()
	return len(strings.Fields(kubectl(t.Context(), t, "get", "pods", "-n", "faas", "-l", "faas.openstack.org/function-id="+function, "-o", "name")))
}

// TestGrowsByConcurrency has six calls of four seconds at once, three to a worker, and then nothing until no worker is left.
func TestGrowsByConcurrency(t *testing.T) {
	ctx := patience(t, 3*time.Minute)
	c := client(t)
	f := create(ctx, t, c, "python3", sleeper, apiclient.NewFunction{Timeout: 20})
	awaitPool(ctx, t, c, "python3")
	begun := time.Now()
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			x, err := c.Execute(ctx, f.ID, true, map[string]int{"seconds": 4})
			if err != nil || x.Status != "success" {
				t.Errorf("%s %s %v", x.Status, x.Result, err)
			}
		})
	}
	most := 0
	for until := begun.Add(3500 * time.Millisecond); time.Now().Before(until); <-time.After(250 * time.Millisecond) {
		most = max(most, workers(t, f.ID))
	}
	group.Wait()
	took := time.Since(begun)
	t.Logf("six calls of 4 s: %v, on %d workers", took, most)
	if took > 6*time.Second || most != 2 {
		t.Errorf("took %v on %d workers, want under 6 s on two", took, most)
	}
	await(ctx, t, "no worker is left", func() bool { return workers(t, f.ID) == 0 })
	t.Logf("no worker was left %v after the first call", time.Since(begun))
}

// TestFlood has 200 calls at once on a pool of three: each is answered with its result, or told to come again.
func TestFlood(t *testing.T) {
	ctx := patience(t, 3*time.Minute)
	c := client(t)
	f := create(ctx, t, c, "python3", sleeper, apiclient.NewFunction{Timeout: 20})
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
	t.Logf("200 calls of 0.2 s at once: %d answered, %d told to come again, in %v, on %d workers", ok, busy, time.Since(begun), workers(t, f.ID))
	if ok == 0 {
		t.Error("none was answered")
	}
}

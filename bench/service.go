package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// echo is the function that is measured: a module of a few lines, as most are.
const echo = "def main(**kwargs):\n    kwargs.pop('context', None)\n    return kwargs\n"

const echoNode = "exports.main = (input) => input;\n"

// service measures a faas-standalone.
func service(ctx context.Context, r *report, s *apiclient.Service, o options) error {
	s.Client.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	return throughAPI(ctx, r, s.Client, o, func() { atRest(r, s.PID()) })
}

// throughAPI measures everything that goes through the API; rest is called when the pools are warm
// and nothing has been asked for.
func throughAPI(ctx context.Context, r *report, c *apiclient.Client, o options, rest func()) error {
	python, err := c.AwaitRuntime(ctx, "python3")
	if err != nil {
		return err
	}
	node, err := c.AwaitRuntime(ctx, "nodejs")
	if err != nil {
		return err
	}
	for _, rt := range []apiclient.Runtime{python, node} {
		if err := awaitPool(ctx, c, rt); err != nil {
			return err
		}
	}
	rest()
	for _, lang := range []struct {
		runtime            apiclient.Runtime
		file, code, target string
	}{{python, "main.py", echo, "target: p50 ≤ 10, p99 ≤ 40"}, {node, "main.js", echoNode, ""}} {
		if err := r.measure(); err != nil {
			return fmt.Errorf("floors: %w", err)
		}
		if err := coldStarts(ctx, r, c, lang.runtime, lang.file, lang.code, lang.target, o.cold); err != nil {
			return err
		}
	}
	if err := functionsTogether(ctx, r, c, python); err != nil {
		return err
	}
	f, err := create(ctx, c, python, "main.py", echo)
	if err != nil {
		return err
	}
	for _, callers := range []int{1, 8, 20} {
		if err := warm(ctx, r, c, python, f, callers, o.each); err != nil {
			return err
		}
	}
	return drain(ctx, r, c, f, o.async)
}

func create(
	ctx context.Context, c *apiclient.Client, rt apiclient.Runtime, file, code string,
) (apiclient.Function, error) {
	zip, err := apiclient.Zip(map[string]string{file: code})
	if err != nil {
		return apiclient.Function{}, err
	}
	return c.CreateFunction(
		ctx, apiclient.NewFunction{Name: "bench", RuntimeID: rt.ID, Package: zip, CPU: 1000, Timeout: 30},
	)
}

// call runs the function once, synchronously, and fails unless it succeeds.
func call(ctx context.Context, c *apiclient.Client, f apiclient.Function) (time.Duration, error) {
	begun := time.Now()
	x, err := c.Execute(ctx, f.ID, true, map[string]int{"n": 1})
	took := time.Since(begun)
	if err == nil && (x.Status != "success" || string(x.Output()) != `{"n":1}`) {
		err = fmt.Errorf("execution %s: %s %s", x.ID, x.Status, x.Result)
	}
	return took, err
}

// poolSize is [engine] pool_size, where nobody has set it.
const poolSize = 3

// awaitPool waits till the runtime's pool is full again.
func awaitPool(ctx context.Context, c *apiclient.Client, rt apiclient.Runtime) error {
	for {
		var pool struct {
			Capacity struct{ Total, Available int }
		}
		if err := c.Do(ctx, "GET", "/v1/runtimes/"+rt.ID+"/pool", nil, &pool); err != nil {
			return err
		}
		if pool.Capacity.Available >= poolSize && pool.Capacity.Available == pool.Capacity.Total {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the pool of %s does not fill: %w", rt.Name, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func coldStarts(
	ctx context.Context, r *report, c *apiclient.Client, rt apiclient.Runtime, file, code, target string, n int,
) error {
	var took []time.Duration
	for i := range n {
		f, err := create(
			ctx, c, rt, file,
			fmt.Sprintf("%s\n%s fresh: %d\n", code, map[string]string{"main.py": "#", "main.js": "//"}[file], i),
		)
		if err != nil {
			return err
		}
		if err := awaitPool(ctx, c, rt); err != nil {
			return err
		}
		t, err := call(ctx, c, f)
		if err != nil {
			return fmt.Errorf("first call: %w", err)
		}
		took = append(took, t)
		if err := c.Do(ctx, "DELETE", "/v1/functions/"+f.ID, nil, nil); err != nil {
			return err
		}
	}
	slices.Sort(took)
	what := fmt.Sprintf("cold start, %s, %d fresh functions,", rt.Name, n)
	var floors []string
	if rt.Name == "python3" { // of whose work the floors are
		floors = r.coldFloors()
	}
	r.addTime(what+" p50", ms(quantile(took, 0.50)), floors, target)
	r.add(what+" p95", ms(quantile(took, 0.95)), "ms", "")
	r.add(what+" p99", ms(quantile(took, 0.99)), "ms", "")
	return nil
}

// warm measures latency and rate with so many callers, each calling again as soon as it has its
// answer. Workers and connections are there before, and so are the workers that take their places
// in the pool: starting those takes a machine of two cores for seconds.
func warm(
	ctx context.Context, r *report, c *apiclient.Client, rt apiclient.Runtime, f apiclient.Function, callers int,
	each time.Duration,
) error {
	if _, _, err := load(ctx, c, f, callers, each/4); err != nil {
		return err
	}
	if err := awaitPool(ctx, c, rt); err != nil {
		return err
	}
	if err := r.measure(); err != nil {
		return fmt.Errorf("floors: %w", err)
	}
	cpu, waits := cpuTimes(), waited(ctx)
	took, failed, err := load(ctx, c, f, callers, each)
	if err != nil {
		return err
	}
	r.warm(callers, took, failed, each)
	r.cpuPerCall(fmt.Sprintf("%d at a time,", callers), cpu, len(took)+failed)
	r.waiting(ctx, fmt.Sprintf("%d at a time,", callers), waits, len(took)+failed)
	return nil
}

// warm reports calls that so many callers have made one after the other.
func (r *report) warm(callers int, took []time.Duration, failed int, each time.Duration) {
	what := fmt.Sprintf("warm, synchronous, %d at a time,", callers)
	p50, p99, rate := ms(quantile(took, 0.50)), ms(quantile(took, 0.99)), float64(len(took))/each.Seconds()
	switch callers {
	case 1:
		r.addTime(what+" p50", p50, r.warmFloors(), "target: ≤ 1.5")
		r.add(what+" p99", p99, "ms", "")
		r.add(what+" rate", rate, "calls/s", "")
	case 20:
		r.add(what+" p50", p50, "ms", "")
		r.add(what+" p99", p99, "ms", "target: ≤ 60")
		r.addShare(what+" rate", rate, "target: ≥ 0.6 of floors")
	default:
		r.add(what+" p50", p50, "ms", "")
		r.add(what+" p99", p99, "ms", "")
		r.add(what+" rate", rate, "calls/s", "")
	}
	r.add(what+" failed", float64(failed), "calls", "target: 0")
}

func load(
	ctx context.Context, c *apiclient.Client, f apiclient.Function, callers int, each time.Duration,
) ([]time.Duration, int, error) {
	var mu sync.Mutex
	var all []time.Duration
	failed := 0
	var first error
	until := time.Now().Add(each)
	var group sync.WaitGroup
	for range callers {
		one, err := newCaller(c, f)
		if err != nil {
			return nil, 0, err
		}
		group.Go(func() {
			defer one.close()
			var took []time.Duration
			for time.Now().Before(until) {
				t, err := one.call(ctx)
				if err == nil {
					took = append(took, t)
					continue
				}
				mu.Lock()
				if failed++; first == nil {
					first = err
				}
				mu.Unlock()
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	group.Wait()
	if len(all) == 0 {
		return nil, failed, fmt.Errorf("no call succeeded: %w", first)
	}
	if first != nil {
		fmt.Printf("  %d calls failed, the first: %v\n", failed, first)
	}
	slices.Sort(all)
	return all, failed, nil
}

// drain asks for n asynchronous executions and waits till none is left.
func drain(ctx context.Context, r *report, c *apiclient.Client, f apiclient.Function, n int) error {
	begun := time.Now()
	work := make(chan struct{}, n)
	for range n {
		work <- struct{}{}
	}
	close(work)
	var group sync.WaitGroup
	errs := make(chan error, n)
	for range 8 {
		group.Go(func() {
			for range work {
				if _, err := c.Execute(ctx, f.ID, false, map[string]int{"n": 1}); err != nil {
					errs <- err
				}
			}
		})
	}
	group.Wait()
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d were not accepted, the first: %w", len(errs), n, <-errs)
	}
	accepted := time.Since(begun)
	for {
		var list struct{ Executions []apiclient.Execution }
		if err := c.Do(ctx, "GET", "/v1/executions?limit=1&status=running&function_id="+f.ID, nil, &list); err != nil {
			return err
		}
		if len(list.Executions) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	r.add(fmt.Sprintf("asynchronous, %d accepted in", n), accepted.Seconds(), "s", "")
	r.add(fmt.Sprintf("asynchronous, %d accepted and run in", n), time.Since(begun).Seconds(), "s", "")
	return nil
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

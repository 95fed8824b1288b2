package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// cloud measures the service on MariaDB, RabbitMQ and Kubernetes, and the floors of those.
func cloud(ctx context.Context, r *report, o options) error {
	endpoint := os.Getenv("FAAS_ENDPOINT")
	if endpoint == "" {
		return errors.New("no FAAS_ENDPOINT: source .cloud/env of a mini cloud that is up")
	}
	machine := r.measure
	r.measure = func() error {
		return errors.Join(
			machine(), databaseFloor(ctx, r, os.Getenv("DATABASE_URL")), busFloors(r, os.Getenv("TRANSPORT_URL")),
		)
	}
	c := &apiclient.Client{Endpoint: endpoint, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 600}}}
	var who tenant
	if r.Cloud = os.Getenv("CLOUD"); r.Cloud != "base" {
		var err error
		if who, err = tenantOf(ctx, o.openrc); err != nil {
			return err
		}
		c.Header = map[string]string{"X-Auth-Token": who.token}
	}
	if o.sandbox {
		return sandbox(ctx, r, c, o)
	}
	if o.tls {
		return agentsTLS(ctx, r, c, o)
	}
	if o.spans {
		return coldSpans(ctx, r, c, o)
	}
	if o.rest {
		return restAndTogether(ctx, r, c)
	}
	if !o.triggers {
		if err := throughAPI(ctx, r, c, o, func() { servicesAtRest(r) }); err != nil {
			return err
		}
		if err := crowd(ctx, r, c, o); err != nil {
			return err
		}
	}
	if os.Getenv("FAAS_SANDBOX") != "" {
		if err := sandbox(ctx, r, c, o); err != nil {
			return err
		}
	}
	if r.Cloud == "base" { // nothing happens there
		return nil
	}
	return triggers(ctx, r, c, who)
}

// restAndTogether measures what is held when nothing is asked for, and what comes of many functions
// at once.
func restAndTogether(ctx context.Context, r *report, c *apiclient.Client) error {
	rt, err := c.AwaitRuntime(ctx, "python3")
	if err != nil {
		return err
	}
	if err := awaitPool(ctx, c, rt); err != nil {
		return err
	}
	servicesAtRest(r)
	return functionsTogether(ctx, r, c, rt)
}

// servicesAtRest reports what one process of each kind holds in memory.
func servicesAtRest(r *report) {
	for _, name := range []string{"faas-api-1", "faas-engine-1"} {
		text, err := os.ReadFile(os.Getenv("FAAS_PIDS") + "/" + name)
		if err != nil {
			continue
		}
		var pid int
		if _, err := fmt.Sscan(string(text), &pid); err == nil {
			name = strings.TrimSuffix(name, "-1")
			r.add(name+" at rest, resident", statusField(pid, "VmRSS:"), "MiB", "target: ≤ 40")
			r.add(name+" at rest, its own", statusField(pid, "RssAnon:"), "MiB", "")
		}
	}
	podsAtRest(r)
}

const crowdSize = 500

// crowd has 500 callers at once: none may hear anything but a result or 429, and the rate must not
// break down. It is held against 20 callers of the same function just before.
func crowd(ctx context.Context, r *report, c *apiclient.Client, o options) error {
	rt, err := c.AwaitRuntime(ctx, "python3")
	if err != nil {
		return err
	}
	f, err := create(ctx, c, rt, "main.py", echo)
	if err != nil {
		return err
	}
	if err := warm(ctx, r, c, rt, f, 20, o.each); err != nil {
		return err
	}
	before := r.last("warm, synchronous, 20 at a time, rate")
	var mu sync.Mutex
	var took []time.Duration
	busy, failed := 0, 0
	until := time.Now().Add(o.each)
	var group sync.WaitGroup
	for range crowdSize {
		one, err := newCaller(c, f)
		if err != nil {
			return err
		}
		group.Go(func() {
			defer one.close()
			for time.Now().Before(until) {
				t, err := one.call(ctx)
				var e *apiclient.Error
				mu.Lock()
				switch {
				case err == nil:
					took = append(took, t)
				case errors.As(err, &e) && e.Status == http.StatusTooManyRequests:
					busy++
				default:
					if failed++; failed == 1 {
						fmt.Println("  the first failure:", err)
					}
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(took)
	what := fmt.Sprintf("warm, synchronous, %d at a time,", crowdSize)
	if len(took) > 0 {
		r.add(what+" p50", ms(quantile(took, 0.50)), "ms", "")
		r.add(what+" p99", ms(quantile(took, 0.99)), "ms", "")
	}
	rate := float64(len(took)) / o.each.Seconds()
	r.add(what+" rate", rate, "calls/s", "")
	r.add(what+" rate beside that of 20", rate/before, "", "target: ≥ 0.8")
	r.add(what+" told to come again", float64(busy), "calls", "")
	r.add(what+" failed", float64(failed), "calls", "target: 0")
	return nil
}

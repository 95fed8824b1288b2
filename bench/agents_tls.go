package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// agentsTLS measures what TLS with the agents of workers costs: the mini cloud without it and with
// it, by turns.
func agentsTLS(ctx context.Context, r *report, c *apiclient.Client, o options) error {
	rt, err := c.AwaitRuntime(ctx, "python3")
	if err != nil {
		return err
	}
	for turn := range 2 {
		for _, mode := range []string{"off", "require"} {
			if err := speakTLS(ctx, c, rt, mode); err != nil {
				return err
			}
			what := fmt.Sprintf("worker_tls = %s, turn %d:", mode, turn+1)
			if err := spokenTo(ctx, r, c, rt, what, o); err != nil {
				return fmt.Errorf("%s %w", what, err)
			}
		}
	}
	return nil
}

// speakTLS sets worker_tls of the mini cloud and waits till the runtime's pool is of such workers.
func speakTLS(ctx context.Context, c *apiclient.Client, rt apiclient.Runtime, mode string) error {
	up := exec.CommandContext(ctx, "devstack/mini/up", os.Getenv("CLOUD"))
	up.Env = append(os.Environ(), "CLOUD_WORKER_TLS="+mode)
	if out, err := up.CombinedOutput(); err != nil {
		return fmt.Errorf("devstack/mini/up: %w: %s", err, out)
	}
	for {
		out, err := exec.CommandContext(ctx, "devstack/mini/kubectl", "get", "pods", "--namespace", "faas",
			"-l", "!faas.openstack.org/function-id,faas.openstack.org/runtime-id="+rt.ID, "-o",
			`jsonpath={range .items[*]}{.metadata.annotations.faas\.openstack\.org/tls}{"\n"}{end}`).Output()
		if err != nil {
			return fmt.Errorf("kubectl: %w", err)
		}
		others := func(tls string) bool { return tls != strings.TrimPrefix(mode, "off") }
		if pods := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); !slices.ContainsFunc(pods, others) {
			return awaitPool(ctx, c, rt)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// spokenTo measures cold starts and 20 callers.
func spokenTo(ctx context.Context, r *report, c *apiclient.Client, rt apiclient.Runtime, what string, o options) error {
	fmt.Println(what)
	began := len(r.Figures)
	if err := coldStarts(ctx, r, c, rt, "main.py", echo, "", o.cold/2); err != nil {
		return err
	}
	f, err := create(ctx, c, rt, "main.py", echo)
	if err != nil {
		return err
	}
	if _, _, err := load(ctx, c, f, 20, o.each/4); err != nil {
		return err
	}
	if err := awaitPool(ctx, c, rt); err != nil {
		return err
	}
	cpu := cpuTimes()
	took, failed, err := load(ctx, c, f, 20, o.each)
	if err != nil {
		return err
	}
	r.add("20 at a time, p50", ms(quantile(took, 0.5)), "ms", "")
	r.add("20 at a time, p99", ms(quantile(took, 0.99)), "ms", "")
	r.add("20 at a time, rate", float64(len(took))/o.each.Seconds(), "calls/s", "")
	r.add("20 at a time, failed", float64(failed), "calls", "target: 0")
	r.cpuPerCall("20 at a time,", cpu, len(took)+failed)
	for i := range r.Figures[began:] {
		r.Figures[began+i].What = what + " " + r.Figures[began+i].What
	}
	return c.Do(ctx, "DELETE", "/v1/functions/"+f.ID, nil, nil)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/testkit/traces"
)

// coldSpans measures where a cold call's time goes, by its trace: the mini cloud's services tell a
// collector here what they do, which takes time of its own.
func coldSpans(ctx context.Context, r *report, c *apiclient.Client, o options) (err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	sink := &traces.Sink{}
	collector := &http.Server{Handler: sink, ReadHeaderTimeout: time.Minute}
	go func() { _ = collector.Serve(listener) }() // ends with Close
	defer collector.Close()
	if err := tellSpans(ctx, "http://"+listener.Addr().String()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tellSpans(context.WithoutCancel(ctx), "")) }()
	rt, err := c.AwaitRuntime(ctx, "python3")
	if err != nil {
		return err
	}
	if err := awaitPool(ctx, c, rt); err != nil {
		return err
	}
	if err := r.measure(); err != nil {
		return fmt.Errorf("floors: %w", err)
	}
	if err := coldStarts(ctx, r, c, rt, "main.py", echo, "", o.cold); err != nil {
		return err
	}
	calls, err := awaitCalls(ctx, sink, o.cold)
	if err != nil {
		return err
	}
	r.spans(calls)
	return nil
}

// tellSpans has the mini cloud's services tell a collector all spans, or none.
func tellSpans(ctx context.Context, collector string) error {
	up := exec.CommandContext(ctx, "devstack/mini/up", os.Getenv("CLOUD"))
	up.Env = append(os.Environ(), "CLOUD_OTLP="+collector)
	if out, err := up.CombinedOutput(); err != nil {
		return fmt.Errorf("devstack/mini/up: %w: %s", err, out)
	}
	return nil
}

// awaitCalls returns the spans of each cold call once they are there.
func awaitCalls(ctx context.Context, sink *traces.Sink, n int) ([][]traces.Span, error) {
	for {
		var calls [][]traces.Span
		for _, root := range sink.Named("make a worker the function's") {
			spans := sink.Of(root.Trace)
			if spans[0].Name == "POST /v1/executions" {
				calls = append(calls, spans)
			}
		}
		if len(calls) >= n {
			return calls, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("of %d cold calls %d have told their spans: %w", n, len(calls), ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

// spans reports when each span begins within its call, and how long it takes.
func (r *report) spans(calls [][]traces.Span) {
	var order []string
	begins, takes := map[string][]time.Duration{}, map[string][]time.Duration{}
	for _, call := range calls {
		for _, row := range traces.InTree(call) {
			name := strings.Repeat("  ", row.Depth) + row.Name
			if takes[name] == nil {
				order = append(order, name)
			}
			begins[name] = append(begins[name], row.Begun.Sub(call[0].Begun))
			takes[name] = append(takes[name], row.Ended.Sub(row.Begun))
		}
	}
	for _, name := range order {
		slices.Sort(begins[name])
		slices.Sort(takes[name])
		at := fmt.Sprintf("at %.2f", ms(quantile(begins[name], 0.5)))
		r.add(name+", p50", ms(quantile(takes[name], 0.5)), "ms", at)
	}
}

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// waits are what calls wait for, by the sums of the API's own histograms.
var waits = []struct{ metric, what string }{
	{`faas_api_request_duration_seconds_sum{method="POST",route="/v1/executions"}`, "in the API, all in all"},
	{`faas_dispatch_wait_seconds_sum{for="slot"}`, "for a slot of a worker"},
	{`faas_dispatch_wait_seconds_sum{for="worker"}`, "for a worker"},
	{`faas_store_write_wait_seconds_sum{recorder="calls"}`, "for the commit of the record"},
	{`faas_store_commit_seconds_sum{recorder="calls"}`, "of which, in the database"},
}

// waited returns the sums of all APIs that .cloud/env names, in seconds; nothing where none is
// known.
func waited(ctx context.Context) map[string]float64 {
	sums := map[string]float64{}
	for _, status := range strings.Split(os.Getenv("FAAS_API_STATUS"), ",") {
		if status == "" || scrape(ctx, status+"/metrics", sums) != nil {
			return nil
		}
	}
	return sums
}

// scrape adds the values of a page of metrics to the sums.
func scrape(ctx context.Context, page string, to map[string]float64) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return readMetrics(resp.Body, to)
}

func readMetrics(page io.Reader, to map[string]float64) error {
	lines := bufio.NewScanner(page)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, text, ok := cutLast(lines.Text(), ' ')
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			to[name] += value
		}
	}
	return lines.Err()
}

func cutLast(line string, at byte) (before, after string, ok bool) {
	n := strings.LastIndexByte(line, at)
	if n < 0 {
		return "", "", false
	}
	return line[:n], line[n+1:], true
}

// waiting reports where each of so many calls waited on the average. What is in the API and not in
// the lines below it is the API's own work, and the worker's, which the calls' records tell.
func (r *report) waiting(ctx context.Context, what string, before map[string]float64, calls int) {
	after := waited(ctx)
	if len(after) == 0 || len(before) == 0 || calls == 0 {
		return
	}
	for _, w := range waits {
		if ms := 1000 * (after[w.metric] - before[w.metric]) / float64(calls); ms >= 0.005 {
			r.add(what+" waiting "+w.what, ms, "ms/call", "")
		}
	}
}

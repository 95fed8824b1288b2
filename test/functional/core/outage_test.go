package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// outage is how long Keystone is away.
const outage = time.Minute

// TestKeystoneOutage takes Keystone away for a minute under load.
func TestKeystoneOutage(t *testing.T) {
	ctx := patience(t, 5*time.Minute)
	t.Cleanup(func() { up(context.WithoutCancel(ctx), t) })
	known, unknown := login(ctx, t, "demo"), login(ctx, t, "alt")
	clients := []*apiclient.Client{with(t, 0, known.text), with(t, 1, known.text)}
	f := create(ctx, t, clients[0], echo)
	for _, c := range clients { // each API has seen the token
		run(ctx, t, c, f.ID, nil)
	}
	end(ctx, t, "keystone")
	begun := time.Now()
	answers := load(ctx, clients, f.ID, begun.Add(outage))
	for api := range clients {
		begun := time.Now()
		err := with(t, api, unknown.text).Do(ctx, "GET", "/v1/functions", nil, nil)
		var e *apiclient.Error
		if !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable || e.RetryAfter == "" {
			t.Errorf("API %d answers an unknown token with %v, want 503 with Retry-After", api, err)
		}
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("API %d took %v to say so", api, took)
		}
		must(t, clients[api].Do(ctx, "GET", "/v1/functions", nil, nil))
	}
	if _, err := makeFunction(ctx, t, clients[0], "python3", "main.py", echo); status(err) != http.StatusServiceUnavailable {
		t.Errorf("a function whose trust cannot be made is answered with %v, want 503", err)
	}
	got := answers()
	t.Logf("answers of the outage's %v: %v", outage, got)
	if got["success"] < 100 || len(got) != 1 {
		t.Errorf("of the calls of a caller who was known, want nothing but success: %v", got)
	}
	up(ctx, t)
	must(t, with(t, 0, unknown.text).Do(ctx, "GET", "/v1/functions", nil, nil))
}

// load calls through each client by turns until the moment, from four sides, and then gives the answers by what they were.
func load(ctx context.Context, clients []*apiclient.Client, functionID string, until time.Time) (answers func() map[string]int) {
	var mu sync.Mutex
	var done sync.WaitGroup
	counts := map[string]int{}
	for side := range 4 {
		done.Go(func() {
			for time.Now().Before(until) {
				x, err := clients[side%len(clients)].Execute(ctx, functionID, true, map[string]any{"n": side})
				what := x.Status
				if err != nil {
					what = err.Error()
				}
				mu.Lock()
				counts[what]++
				mu.Unlock()
				select { // a steady load, not the most that there can be
				case <-time.After(20 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	return func() map[string]int { done.Wait(); return maps.Clone(counts) }
}

// TestSwiftOutage takes Swift away: what is warm goes on, what is cold says why.
func TestSwiftOutage(t *testing.T) {
	ctx := patience(t, 3*time.Minute)
	t.Cleanup(func() { up(context.WithoutCancel(ctx), t) })
	demo := login(ctx, t, "demo")
	c := with(t, 0, demo.text)
	warm, cold := fromSwift(ctx, t, demo, c, "warm", echo), fromSwift(ctx, t, demo, c, "cold", echo+"# cold\n")
	run(ctx, t, c, warm, nil)
	end(ctx, t, "swift-proxy")
	for n := range 20 {
		run(ctx, t, c, warm, map[string]any{"n": n})
	}
	_, err := c.Execute(ctx, cold, true, nil)
	var e *apiclient.Error
	if !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable || !strings.Contains(e.Fault, "Swift") {
		t.Errorf("the first call of a function whose object cannot be had is answered with %v, want 503 that names Swift", err)
	}
	up(ctx, t)
	await(ctx, t, "the function runs when Swift is back", func() bool { _, err := c.Execute(ctx, cold, true, nil); return err == nil })
}

// end kills a part of the cloud and waits till it is gone.
func end(ctx context.Context, t *testing.T, part string) {
	t.Helper()
	text, err := os.ReadFile(env.pids + "/" + part)
	must(t, err)
	var pid int
	_, err = fmt.Sscan(string(text), &pid)
	must(t, err)
	must(t, syscall.Kill(-pid, syscall.SIGKILL)) // its children too: each part leads a group of its own
	await(ctx, t, part+" is gone", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

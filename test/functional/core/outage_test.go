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
	"github.com/openstack-faas/faas/test/functional/sizes"
)

// outageCalls is how many calls are answered at least while Keystone is away.
const outageCalls = 200

// outage returns how long Keystone is away at least. Either is longer than the mini cloud's
// token_cache_time.
func outage() time.Duration { return time.Duration(sizes.Of(60, 20)) * time.Second }

// TestKeystoneOutage takes Keystone away for a while under load, or for as long as it takes to make
// enough calls.
func TestKeystoneOutage(t *testing.T) {
	ctx := testContext(t)
	t.Cleanup(func() { up(context.WithoutCancel(ctx), t) })
	known, unknown := login(ctx, t, "demo"), login(ctx, t, "alt")
	clients := []*apiclient.Client{with(t, 0, known.text), with(t, 1, known.text)}
	f := create(ctx, t, clients[0], echo)
	for _, c := range clients { // each API has seen the token
		run(ctx, t, c, f.ID, nil)
	}
	end(ctx, t, "keystone")
	answers := load(ctx, clients, f.ID)
	for api := range clients { // answered while Keystone is away: it comes back at the end only
		err := with(t, api, unknown.text).Do(ctx, "GET", "/v1/functions", nil, nil)
		var e *apiclient.Error
		if !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable || e.RetryAfter == "" {
			t.Errorf("API %d answers an unknown token with %v, want 503 with Retry-After", api, err)
		}
		must(t, clients[api].Do(ctx, "GET", "/v1/functions", nil, nil))
	}
	_, err := makeFunction(ctx, t, clients[0], "python3", "main.py", echo)
	if status(err) != http.StatusServiceUnavailable {
		t.Errorf("a function whose trust cannot be made is answered with %v, want 503", err)
	}
	got := answers()
	t.Logf("answers of the outage's %v: %v", outage(), got)
	if len(got) != 1 || got["success"] < outageCalls {
		t.Errorf("of the calls of a caller who was known, want nothing but success: %v", got)
	}
	up(ctx, t)
	must(t, with(t, 0, unknown.text).Do(ctx, "GET", "/v1/functions", nil, nil))
}

// load calls from four sides, through each client by turns, for as long as an outage takes. The
// function it returns waits for the end and returns how many calls were answered in which way.
func load(ctx context.Context, clients []*apiclient.Client, functionID string) (answers func() map[string]int) {
	var mu sync.Mutex
	var done sync.WaitGroup
	counts := map[string]int{}
	until := time.Now().Add(outage())
	enough := func() bool {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		for _, count := range counts {
			n += count
		}
		return n >= outageCalls && time.Now().After(until)
	}
	for side := range 4 {
		done.Go(func() {
			for !enough() && ctx.Err() == nil {
				x, err := clients[side%len(clients)].Execute(ctx, functionID, true, map[string]any{"n": side})
				what := x.Status
				if err != nil {
					what = err.Error()
				}
				mu.Lock()
				counts[what]++
				mu.Unlock()
				select { // a steady load, not the most that there can be
				case <-time.After(100 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	return func() map[string]int { done.Wait(); return maps.Clone(counts) }
}

// TestSwiftOutage takes Swift away: what is warm goes on, what is cold says why.
func TestSwiftOutage(t *testing.T) {
	ctx := testContext(t)
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
		t.Errorf(
			"the first call of a function whose object cannot be had is answered with %v, want 503 that names Swift",
			err,
		)
	}
	up(ctx, t)
	await(
		ctx, t, "the function runs when Swift is back",
		func() bool { _, err := c.Execute(ctx, cold, true, nil); return err == nil },
	)
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

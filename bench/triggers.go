package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// How soon a function runs after something has happened is held against what the source itself
// takes to tell of it, to somebody who does nothing else, in the same minute.
const triggerEvents = 11 // of each source; the middle one counts

// happening is a source of events.
type happening struct {
	source, setting string         // the trigger's source, and how it is set
	settings        map[string]any // the trigger's
	happen          func(ctx context.Context, g triggerShown) error
	// floor has something happen and returns how long it took until a bare listener knew; nil: there
	// is none.
	floor    func(ctx context.Context) (time.Duration, error)
	floorOf  string // what the bare listener is
	tellTime bool   // what happens says when it did: the event's time counts
}

// triggerShown is what is read of a trigger.
type triggerShown struct{ ID, Status, URL string }

const runAt = "import time\ndef main(event):\n    return [time.time(), event.get('time')]\n"

// latest is that of the API's microversions which the measurement needs.
const latest = "function-engine latest"

// triggers measures each of the sources that the cloud has.
func triggers(ctx context.Context, r *report, c *apiclient.Client, who tenant) error {
	headers := map[string]string{"OpenStack-API-Version": latest}
	for name, value := range c.Header {
		headers[name] = value
	}
	c = &apiclient.Client{Endpoint: c.Endpoint, HTTP: c.HTTP, Header: headers}
	rt, err := c.AwaitRuntime(ctx, "python3")
	if err != nil {
		return err
	}
	f, err := create(ctx, c, rt, "main.py", runAt)
	if err != nil {
		return err
	}
	defer forget(ctx, c, "/v1/functions/"+f.ID)
	warm := map[string]any{"__event": map[string]any{"specversion": "1.0", "id": "w", "source": "/", "type": "t"}}
	if x, err := c.Execute(ctx, f.ID, true, warm); err != nil || x.Status != "success" {
		return fmt.Errorf("the function that is to be triggered: %s %s %w", x.Status, x.Result, err)
	}
	all, end, err := happenings(ctx, who)
	defer end()
	if err != nil {
		return err
	}
	for _, h := range all {
		if err := h.measure(ctx, r, c, f.ID); err != nil {
			return fmt.Errorf("trigger of %s%s: %w", h.source, h.setting, err)
		}
	}
	return nil
}

// forget deletes what the measurement made, as far as it is there.
func forget(ctx context.Context, c *apiclient.Client, path string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_ = c.Do(ctx, "DELETE", path, nil, nil)
}

// measure makes the trigger, and has things happen: one for the bare listener, one for the trigger,
// and so on.
func (h happening) measure(ctx context.Context, r *report, c *apiclient.Client, functionID string) error {
	var g triggerShown
	if err := c.Do(ctx, "POST", "/v1/triggers", map[string]any{
		"name": "bench", "source": h.source, "settings": h.settings, "function_id": functionID,
	}, &g); err != nil {
		return err
	}
	defer forget(ctx, c, "/v1/triggers/"+g.ID)
	err := until(ctx, func() (bool, error) {
		err := c.Do(ctx, "GET", "/v1/triggers/"+g.ID, nil, &g)
		return g.Status == "active", err
	})
	if err != nil {
		return err
	}
	if err := h.heard(ctx, c, g); err != nil {
		return err
	}
	var bare, took []time.Duration
	for range triggerEvents {
		if h.floor != nil {
			floor, err := h.floor(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", h.floorOf, err)
			}
			bare = append(bare, floor)
		}
		began := time.Now()
		if err := h.happen(ctx, g); err != nil {
			return err
		}
		run, err := nextRun(ctx, c, g.ID, began)
		if err != nil {
			return err
		}
		if h.tellTime {
			began = run.event
		}
		took = append(took, run.at.Sub(began))
	}
	slices.Sort(bare)
	slices.Sort(took)
	what := h.source + h.setting
	var floors []string
	if len(bare) > 0 {
		floors = []string{floorPrefix + what + ": " + h.floorOf + ", p50"}
		r.add(floors[0], ms(quantile(bare, 0.50)), "ms", "")
	}
	r.addTime(fmt.Sprintf("trigger of %s, from event to running, p50", what), ms(quantile(took, 0.50)), floors, "")
	r.add(fmt.Sprintf("trigger of %s, slowest of %d", what, triggerEvents), ms(took[len(took)-1]), "ms", "")
	return nil
}

// heard has things happen until one has the function run: a trigger that listens to what others are
// told begins to a moment after it is made.
func (h happening) heard(ctx context.Context, c *apiclient.Client, g triggerShown) error {
	began, last := time.Now(), time.Time{}
	return until(ctx, func() (bool, error) {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			if err := h.happen(ctx, g); err != nil {
				return false, err
			}
		}
		runs, err := runsSince(ctx, c, g.ID, began)
		return len(runs) > 0, err
	})
}

// ran is one of the trigger's executions: when the function ran, and the time of its event.
type ran struct{ at, event time.Time }

// nextRun returns the first run since the time, when there is one.
func nextRun(ctx context.Context, c *apiclient.Client, triggerID string, since time.Time) (first ran, err error) {
	err = until(ctx, func() (bool, error) {
		runs, err := runsSince(ctx, c, triggerID, since)
		if len(runs) == 0 {
			return false, err
		}
		first = slices.MinFunc(runs, func(a, b ran) int { return a.at.Compare(b.at) })
		return true, err
	})
	return first, err
}

func runsSince(ctx context.Context, c *apiclient.Client, triggerID string, since time.Time) (runs []ran, err error) {
	query := url.Values{
		"trigger_id": {triggerID}, "sort_keys": {"created_at"}, "sort_dirs": {"desc"}, "limit": {"20"},
	}
	var page struct{ Executions []apiclient.Execution }
	if err := c.Do(ctx, "GET", "/v1/executions?"+query.Encode(), nil, &page); err != nil {
		return nil, err
	}
	for _, x := range page.Executions {
		if x.Status == "running" {
			continue
		}
		var output []any
		if err := json.Unmarshal(x.Output(), &output); err != nil || x.Status != "success" || len(output) != 2 {
			return nil, fmt.Errorf("execution %s: %s %s", x.ID, x.Status, x.Result)
		}
		seconds, _ := output[0].(float64)
		told, _ := output[1].(string)
		event, _ := time.Parse(time.RFC3339, told) // some have none
		if at := time.UnixMicro(int64(seconds * 1e6)); !at.Before(since) {
			runs = append(runs, ran{at, event})
		}
	}
	return runs, nil
}

// until asks again and again, and gives up after some minutes.
func until(ctx context.Context, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, errors.New("it never happened"))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ask()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

package core

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/trigger/triggertest"
	"github.com/openstack-faas/faas/pkg/aodh"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

// TestHowSoonTriggersRun prints how long it takes from an event to the run of a function, by
// source, beside what the source itself takes. It holds nobody to a time.
func TestHowSoonTriggersRun(t *testing.T) {
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	c := with(t, 0, demo.text)
	const running = "import time\ndef main(event):\n    return time.time()\n"
	f := create(ctx, t, c, running)
	run(ctx, t, c, f.ID, map[string]any{"__event": map[string]any{
		"specversion": "1.0", "id": "warm", "source": "/", "type": "t",
	}})
	const events = 11
	measure := func(source string, g triggerView, happen func(n int)) {
		var took []time.Duration
		for n := range events {
			began := time.Now()
			happen(n)
			// the latest of the outputs is this one's: each is the time at which it ran
			got := caused(ctx, t, c, g.ID, n+1)
			var at float64
			must(t, json.Unmarshal([]byte(got[len(got)-1]), &at))
			took = append(took, time.UnixMicro(int64(at*1e6)).Sub(began))
		}
		slices.Sort(took)
		t.Logf("%-13s p50 %s, slowest of %d %s", source, took[events/2].Round(time.Millisecond), events,
			took[events-1].Round(time.Millisecond))
	}
	hook := newTrigger(ctx, t, c, f.ID, "webhook", nil)
	measure("webhook", hook, func(int) {
		if code, _, body := request(ctx, t, "POST", hook.URL, nil, []byte(`{}`)); code != http.StatusAccepted {
			t.Fatalf("%d %s", code, body)
		}
	})
	container := fmt.Sprintf("trigger-%d", time.Now().UnixNano())
	object(ctx, t, demo, container, "before", nil)
	measure("swift, 2 s", newTrigger(ctx, t, c, f.ID, "swift", map[string]any{"container": container, "interval": 2}),
		func(n int) {
			if !tryPut(ctx, fmt.Sprintf("%s/%s/o-%d", demo.swift, container, n), demo.text) {
				t.Fatal("Swift takes no object")
			}
		})
	if demo.services[zaqar.ServiceType] == "" || demo.services[aodh.ServiceType] == "" {
		return
	}
	client := zaqar.NewMessagingV2At(
		&gophercloud.ProviderClient{TokenID: demo.text}, service(t, demo, zaqar.ServiceType),
		"11111111-2222-4333-8444-555555555555",
	)
	for _, mode := range []string{"push", "pull"} {
		queue := fmt.Sprintf("trigger-%d", time.Now().UnixNano())
		measure("zaqar, "+mode, newTrigger(ctx, t, c, f.ID, "zaqar", map[string]any{"queue": queue, "mode": mode}),
			func(int) {
				_, err := zaqar.Send(ctx, client, queue, zaqar.Posts{{Body: map[string]any{}, TTL: time.Hour}})
				must(t, err)
			})
	}
	publisher, err := triggertest.NewPublisher(os.Getenv("TRANSPORT_URL"))
	must(t, err)
	t.Cleanup(publisher.Close)
	eventType := fmt.Sprintf("test.%d", time.Now().UnixNano())
	measure("aodh", newTrigger(ctx, t, c, f.ID, "aodh", map[string]any{
		"alarm": map[string]any{"type": "event", "rule": map[string]any{"event_type": eventType}},
	}), func(int) {
		_, err := publisher.Publish(ctx, demo.projectID, eventType, nil)
		must(t, err)
	})
}

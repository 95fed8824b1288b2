package core

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/trigger/triggertest"
	"github.com/openstack-faas/faas/pkg/aodh"
	"github.com/openstack-faas/faas/pkg/zaqar"
	"github.com/openstack-faas/faas/test/functional/sizes"
)

// TestQueueOutlivesEngines pulls messages while an engine is killed: each is handled, and what is
// told twice is known to be.
func TestQueueOutlivesEngines(t *testing.T) {
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	endpoint := service(t, demo, zaqar.ServiceType)
	client := zaqar.NewMessagingV2At(
		&gophercloud.ProviderClient{TokenID: demo.text}, endpoint, "11111111-2222-4333-8444-555555555555",
	)
	c := with(t, 0, demo.text)
	f := create(ctx, t, c, "def main(event):\n    return event['data']['n']\n")
	queue := fmt.Sprintf("trigger-%d", time.Now().UnixNano())
	g := newTrigger(ctx, t, c, f.ID, "zaqar", map[string]any{"queue": queue, "mode": "pull"})
	t.Cleanup(func() { up(context.WithoutCancel(ctx), t) })
	const posted = 20
	messages := sizes.Of(1000, 240)
	for n := 0; n < messages; n += posted {
		var posts zaqar.Posts
		for m := range posted {
			posts = append(posts, zaqar.Post{Body: map[string]any{"n": n + m}, TTL: time.Hour})
		}
		_, err := zaqar.Send(ctx, client, queue, posts)
		must(t, err)
		if n == messages/4 {
			end(ctx, t, "faas-engine-1")
		}
		if n == messages/2 {
			up(ctx, t)
			end(ctx, t, "faas-engine-2")
		}
	}
	up(ctx, t)
	seen := map[string]int{}
	for _, n := range caused(ctx, t, c, g.ID, messages) {
		seen[n]++
	}
	if len(seen) != messages {
		t.Errorf("%d of %d messages were handled", len(seen), messages)
	}
	for n, times := range seen {
		if times != 1 {
			t.Errorf("message %s was handled %d times", n, times)
		}
	}
	goneTrigger(ctx, t, c, g.ID)
}

// TestTriggersOutliveOutages takes away, one after the other, what triggers stand on, while
// messages are posted and objects are put: what was acknowledged is executed, each once, and the
// trigger says what was wrong.
func TestTriggersOutliveOutages(t *testing.T) {
	ctx := testContext(t)
	t.Cleanup(func() { up(context.WithoutCancel(ctx), t) })
	demo := login(ctx, t, "demo")
	client := zaqar.NewMessagingV2At(
		&gophercloud.ProviderClient{TokenID: demo.text}, service(t, demo, zaqar.ServiceType),
		"11111111-2222-4333-8444-555555555555",
	)
	c := with(t, 0, demo.text)
	f := create(ctx, t, c, "def main(event):\n    return event['data']['n']\n")
	of := create(ctx, t, c, "def main(event):\n    return event['data']['object']\n")
	queue := fmt.Sprintf("trigger-%d", time.Now().UnixNano())
	object(ctx, t, demo, queue, "before", nil)
	messages := newTrigger(ctx, t, c, f.ID, "zaqar", map[string]any{"queue": queue, "mode": "pull"})
	objects := newTrigger(ctx, t, c, of.ID, "swift", map[string]any{"container": queue, "interval": 2})
	// By what the function returns for them: the events that were acknowledged. One that was not may
	// have come all the same.
	acknowledged := map[string][]string{}
	tried, each := 0, sizes.Of(20, 10)
	// What does not answer is not asked again in the same breath: some refuse only after a while.
	stream := func() {
		posting, putting := true, true
		for range each {
			tried++
			if posting {
				post := zaqar.Post{Body: map[string]any{"n": tried}, TTL: time.Hour}
				_, err := zaqar.Send(ctx, client, queue, zaqar.Posts{post})
				if posting = err == nil; posting {
					acknowledged[messages.ID] = append(acknowledged[messages.ID], strconv.Itoa(tried))
				}
			}
			if putting {
				name := "o-" + strconv.Itoa(tried)
				if putting = tryPut(ctx, demo.swift+"/"+queue+"/"+name, demo.text); putting {
					acknowledged[objects.ID] = append(acknowledged[objects.ID], strconv.Quote(name))
				}
			}
		}
	}
	for _, part := range []string{"zaqar", "swift-proxy", "keystone", "rabbitmq"} {
		stream()
		end(ctx, t, part)
		stream()
		if part == "zaqar" {
			await(ctx, t, "the trigger says what is wrong", func() bool {
				g := shownTrigger(ctx, t, c, messages.ID)
				return g.Status == "error" && strings.Contains(g.StatusReason, "Zaqar")
			})
		}
		up(ctx, t)
		stream()
	}
	for id, events := range acknowledged {
		var got []string
		await(ctx, t, "all that was acknowledged is executed", func() bool {
			got = caused(ctx, t, c, id, len(events))
			return !slices.ContainsFunc(events, func(one string) bool { return !slices.Contains(got, one) })
		})
		if once := slices.Compact(slices.Clone(got)); len(once) != len(got) {
			t.Errorf("%d executions are of %d events", len(got), len(once))
		}
		t.Logf("%d events were acknowledged; there are %d executions", len(events), len(got))
	}
	await(ctx, t, "the trigger is well again", func() bool {
		return shownTrigger(ctx, t, c, messages.ID).Status == "active"
	})
}

// tryPut puts an empty object, and reports whether Swift has acknowledged it.
func tryPut(ctx context.Context, at, token string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, at, http.NoBody)
	if err != nil {
		return false
	}
	r.Header.Set("X-Auth-Token", token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusCreated
}

// TestAlarmWhileAodhIsAway makes a trigger while there is no Aodh to keep its alarm in: the trigger
// says so, and has its alarm when Aodh is back.
func TestAlarmWhileAodhIsAway(t *testing.T) {
	ctx := testContext(t)
	t.Cleanup(func() { up(context.WithoutCancel(ctx), t) })
	demo := login(ctx, t, "demo")
	service(t, demo, aodh.ServiceType)
	c := with(t, 0, demo.text)
	c.Header[version[0]] = version[1]
	f := create(ctx, t, c, returning)
	end(ctx, t, "aodh-api")
	eventType := fmt.Sprintf("test.%d", time.Now().UnixNano())
	var g triggerView
	must(t, c.Do(ctx, "POST", "/v1/triggers", map[string]any{
		"source": "aodh", "function_id": f.ID,
		"settings": map[string]any{"alarm": map[string]any{"type": "event", "rule": map[string]any{"event_type": eventType}}},
	}, &g))
	await(ctx, t, "the trigger says that Aodh is away", func() bool {
		now := shownTrigger(ctx, t, c, g.ID)
		return now.Status == "error" && strings.Contains(now.StatusReason, "Aodh")
	})
	up(ctx, t)
	await(ctx, t, "the trigger is active", func() bool { return shownTrigger(ctx, t, c, g.ID).Status == "active" })
	publisher, err := triggertest.NewPublisher(os.Getenv("TRANSPORT_URL"))
	must(t, err)
	t.Cleanup(publisher.Close)
	_, err = publisher.Publish(ctx, demo.projectID, eventType, nil)
	must(t, err)
	caused(ctx, t, c, g.ID, 1)
	goneTrigger(ctx, t, c, g.ID)
}

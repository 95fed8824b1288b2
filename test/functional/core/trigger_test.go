package core

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/trigger/triggertest"
	"github.com/openstack-faas/faas/pkg/aodh"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

// triggerView is what these tests read of a trigger.
type triggerView struct {
	ID, Status, URL                         string
	StatusReason                            string `json:"status_reason"`
	Delivered, Duplicates, Filtered, Failed int
}

// newTrigger makes a trigger, and waits until its source was asked for events. It is deleted at the
// test's end, before its function.
func newTrigger(
	ctx context.Context, t *testing.T, c *apiclient.Client, functionID, source string, settings map[string]any,
) triggerView {
	t.Helper()
	c.Header[version[0]] = version[1]
	var made triggerView
	must(t, c.Do(ctx, "POST", "/v1/triggers", map[string]any{
		"name": t.Name(), "source": source, "settings": settings, "function_id": functionID,
	}, &made))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = c.Do(ctx, "DELETE", "/v1/triggers/"+made.ID, nil, nil)
	})
	await(ctx, t, "the trigger is active", func() bool {
		made = shownTrigger(ctx, t, c, made.ID)
		if made.Status == "error" {
			t.Logf("the trigger is in error: %s", made.StatusReason)
		}
		return made.Status == "active"
	})
	return made
}

func shownTrigger(ctx context.Context, t *testing.T, c *apiclient.Client, id string) (g triggerView) {
	t.Helper()
	must(t, c.Do(ctx, "GET", "/v1/triggers/"+id, nil, &g))
	return g
}

// goneTrigger deletes a trigger and waits until it is gone, and with it all that it had elsewhere.
func goneTrigger(ctx context.Context, t *testing.T, c *apiclient.Client, id string) {
	t.Helper()
	must(t, c.Do(ctx, "DELETE", "/v1/triggers/"+id, nil, nil))
	await(ctx, t, "the trigger is gone", func() bool {
		return status(c.Do(ctx, "GET", "/v1/triggers/"+id, nil, nil)) == http.StatusNotFound
	})
}

// caused returns the outputs of a trigger's executions that have ended well, once there are so
// many, and checks that no other ended otherwise.
func caused(ctx context.Context, t *testing.T, c *apiclient.Client, id string, n int) (outputs []string) {
	t.Helper()
	await(ctx, t, fmt.Sprintf("%d executions of the trigger have ended", n), func() bool {
		outputs = nil
		for marker := ""; ; {
			var page struct {
				Executions []struct{ ID, Status, Result string }
				Next       string
			}
			// Newest first: without an index, a list considers a part of what there is.
			path := "/v1/executions?sort_keys=created_at&sort_dirs=desc&description=Created%20by%20Trigger%20" + id + marker
			must(t, c.Do(ctx, "GET", path, nil, &page))
			for _, x := range page.Executions {
				switch x.Status {
				case "success":
					var result struct{ Output json.RawMessage }
					must(t, json.Unmarshal([]byte(x.Result), &result))
					outputs = append(outputs, string(result.Output))
				case "failed", "error":
					t.Fatalf("execution %s: %s %s", x.ID, x.Status, x.Result)
				}
				marker = "&marker=" + x.ID
			}
			if len(page.Executions) == 0 || page.Next == "" {
				return len(outputs) >= n
			}
		}
	})
	slices.Sort(outputs)
	return outputs
}

// returning is a function that returns what it was told.
const returning = "def main(event):\n    return event['data']\n"

// alarms returns the alarms of the project that belong to triggers.
func alarms(ctx context.Context, t *testing.T, of token, triggerID string) []aodh.Alarm {
	t.Helper()
	client := aodh.NewAlarmingV2At(&gophercloud.ProviderClient{TokenID: of.text}, service(t, of, aodh.ServiceType))
	found, err := aodh.List(ctx, client, map[string]string{"name": "faas-trigger-" + triggerID}).Extract()
	must(t, err)
	return found
}

// service returns the URL of a service, or skips the test where the cloud has none.
func service(t *testing.T, of token, serviceType string) string {
	t.Helper()
	at := of.services[serviceType]
	if at == "" {
		t.Skipf("the cloud has no %s: make cloud-up CLOUD=all", serviceType)
	}
	return strings.TrimSuffix(at, "/")
}

// TestAlarmTriggers has an alarm of Aodh's execute a function when a notification comes, by both
// kinds of actions, and leaves nothing behind.
func TestAlarmTriggers(t *testing.T) {
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	service(t, demo, aodh.ServiceType)
	c := with(t, 0, demo.text)
	publisher, err := triggertest.NewPublisher(os.Getenv("TRANSPORT_URL"))
	must(t, err)
	t.Cleanup(publisher.Close)
	for _, action := range []string{"http", "trust+http"} {
		t.Run(action, func(t *testing.T) {
			f := create(ctx, t, c, returning)
			eventType := fmt.Sprintf("test.%d", time.Now().UnixNano())
			g := newTrigger(ctx, t, c, f.ID, "aodh", map[string]any{
				"alarm": map[string]any{"type": "event", "rule": map[string]any{"event_type": eventType}}, "action": action,
			})
			if n := len(alarms(ctx, t, demo, g.ID)); n != 1 {
				t.Fatalf("the trigger has %d alarms", n)
			}
			_, err := publisher.Publish(ctx, demo.projectID, eventType, map[string]string{"instance": "i-1"})
			must(t, err)
			got := caused(ctx, t, c, g.ID, 1)
			if len(got) != 1 || !strings.Contains(got[0], eventType) || !strings.Contains(got[0], "i-1") {
				t.Errorf("the function was told %v", got)
			}
			goneTrigger(ctx, t, c, g.ID)
			if left := alarms(ctx, t, demo, g.ID); len(left) != 0 {
				t.Errorf("left in Aodh are %+v", left)
			}
			if code, _, _ := request(ctx, t, "POST", g.URL, nil, []byte(`{}`)); code != http.StatusNotFound {
				t.Errorf("the URL of a deleted trigger is answered with %d", code)
			}
		})
	}
}

// TestQueueTriggers has messages of a queue execute a function: as Zaqar sends them, and as they
// are fetched.
func TestQueueTriggers(t *testing.T) {
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	endpoint := service(t, demo, zaqar.ServiceType)
	client := zaqar.NewMessagingV2At(
		&gophercloud.ProviderClient{TokenID: demo.text}, endpoint, "11111111-2222-4333-8444-555555555555",
	)
	c := with(t, 0, demo.text)
	for _, mode := range []string{"push", "pull"} {
		t.Run(mode, func(t *testing.T) {
			f := create(ctx, t, c, returning)
			queue := fmt.Sprintf("trigger-%d", time.Now().UnixNano())
			g := newTrigger(ctx, t, c, f.ID, "zaqar", map[string]any{"queue": queue, "mode": mode})
			_, err := zaqar.Send(ctx, client, queue, zaqar.Posts{
				{Body: map[string]any{"n": 1}, TTL: time.Hour}, {Body: "text", TTL: time.Hour},
			})
			must(t, err)
			got := strings.Join(caused(ctx, t, c, g.ID, 2), " ")
			if !strings.Contains(got, `"n":1`) || !strings.Contains(got, `text`) {
				t.Errorf("the function was told %v", got)
			}
			goneTrigger(ctx, t, c, g.ID)
			if mode == "push" {
				left, _, err := zaqar.ListSubscriptions(ctx, client, queue, "", 10).Extract()
				if err != nil || len(left) != 0 {
					t.Errorf("left in Zaqar are %+v, %v", left, err)
				}
			}
		})
	}
}

// TestQueueOutlivesEngines pulls a thousand messages while an engine is killed: each is handled,
// and what is told twice is known to be.
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
	const messages, posted = 1000, 20
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

// TestObjectTriggers has an object that is put execute a function, and no other object.
func TestObjectTriggers(t *testing.T) {
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	c := with(t, 0, demo.text)
	f := create(ctx, t, c, "def main(event):\n    return [event['type'], event['data']['object']]\n")
	container := fmt.Sprintf("trigger-%d", time.Now().UnixNano())
	object(ctx, t, demo, container, "before.txt", []byte("there already"))
	g := newTrigger(ctx, t, c, f.ID, "swift", map[string]any{"container": container, "suffix": ".txt", "interval": 2})
	object(ctx, t, demo, container, "new.txt", []byte("new"))
	object(ctx, t, demo, container, "new.png", []byte("another kind"))
	got := caused(ctx, t, c, g.ID, 1)
	if len(got) != 1 || !strings.Contains(got[0], `"new.txt"`) {
		t.Errorf("the function was told %v", got)
	}
	goneTrigger(ctx, t, c, g.ID)
}

// TestNotificationTriggers has what another service says on the message bus execute a function of
// the project that it is of, and of no other.
func TestNotificationTriggers(t *testing.T) {
	ctx := testContext(t)
	demo, alt := login(ctx, t, "demo"), login(ctx, t, "alt")
	conn, err := amqp.Dial("amqp" + strings.TrimPrefix(os.Getenv("TRANSPORT_URL"), "rabbit"))
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	channel, err := conn.Channel()
	must(t, err)
	must(t, channel.ExchangeDeclare("nova", "topic", false, false, false, false, nil)) // as Nova does
	c, others := with(t, 0, demo.text), with(t, 1, alt.text)
	settings := map[string]any{"event_type": "compute.instance.delete.end"}
	f := create(ctx, t, c, "def main(event):\n    return event['data']['instance_id']\n")
	g := newTrigger(ctx, t, c, f.ID, "notification", settings)
	foreign := newTrigger(ctx, t, others, create(ctx, t, others, returning).ID, "notification", settings)
	n := 0
	publish := func() {
		n++
		message, err := json.Marshal(map[string]any{
			"message_id": fmt.Sprintf("%s-%d", g.ID, n), "publisher_id": "compute.host-1", "priority": "INFO",
			"event_type": "compute.instance.delete.end", "timestamp": time.Now().UTC().Format("2006-01-02 15:04:05.000000"),
			"_context_project_id": demo.projectID, "payload": map[string]any{"instance_id": "i-7", "tenant_id": demo.projectID},
		})
		must(t, err)
		body, err := json.Marshal(map[string]any{"oslo.version": "2.0", "oslo.message": string(message)})
		must(t, err)
		must(t, channel.PublishWithContext(ctx, "nova", "notifications.info", false, false, amqp.Publishing{Body: body}))
	}
	// Engines bind their queue to an exchange some time after it was made, and read a new trigger a
	// moment after that.
	await(ctx, t, "a notification is heard", func() bool {
		publish()
		return shownTrigger(ctx, t, c, g.ID).Delivered > 0
	})
	if got := caused(ctx, t, c, g.ID, 1); got[0] != `"i-7"` {
		t.Errorf("the function was told %v", got)
	}
	if seen := shownTrigger(ctx, t, others, foreign.ID); seen.Delivered+seen.Failed+seen.Filtered != 0 {
		t.Errorf("another project's trigger has seen %+v", seen)
	}
}

// TestTriggersOfAProjectThatGoes has nothing of a deleted project's triggers stay.
func TestTriggersOfAProjectThatGoes(t *testing.T) {
	ctx := testContext(t)
	of := newTenant(ctx, t)
	service(t, of.token, aodh.ServiceType)
	c := with(t, 0, of.token.text)
	f := create(ctx, t, c, returning)
	g := newTrigger(ctx, t, c, f.ID, "aodh", map[string]any{
		"alarm": map[string]any{"type": "event", "rule": map[string]any{"event_type": "test.gone"}},
	})
	admin := login(ctx, t, "admin")
	request(ctx, t, "DELETE", env.keystone+"/projects/"+of.projectID, map[string]string{"X-Auth-Token": admin.text}, nil)
	boss := with(t, 0, admin.text)
	boss.Header[version[0]] = version[1]
	// Something has the trigger be looked after: at the latest its keeper does, after some minutes.
	must(t, boss.Do(ctx, "GET", "/v1/triggers/"+g.ID, nil, nil))
	await(ctx, t, "the trigger of a project that is gone is gone", func() bool {
		return status(boss.Do(ctx, "GET", "/v1/triggers/"+g.ID, nil, nil)) == http.StatusNotFound
	})
	if left := alarms(ctx, t, admin, g.ID); len(left) != 0 {
		t.Errorf("left in Aodh are %+v", left)
	}
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
	tried := 0
	// What does not answer is not asked again in the same breath: some refuse only after a while.
	stream := func() {
		posting, putting := true, true
		for range 20 {
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
		if each := slices.Compact(slices.Clone(got)); len(each) != len(got) {
			t.Errorf("%d executions are of %d events", len(got), len(each))
		}
		t.Logf("%d events were acknowledged; there are %d executions", len(events), len(got))
	}
	if g := shownTrigger(ctx, t, c, messages.ID); g.Status != "active" {
		t.Errorf("after the outages the trigger is %+v", g)
	}
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

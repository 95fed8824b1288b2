package core

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/faas"
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
	return newTriggerWith(ctx, t, c, map[string]any{
		"name": t.Name(), "source": source, "settings": settings, "function_id": functionID,
	})
}

// newTriggerWith does so with fields of the test's own.
func newTriggerWith(ctx context.Context, t *testing.T, c *apiclient.Client, fields map[string]any) triggerView {
	t.Helper()
	c.Header[version[0]] = version[1]
	var made triggerView
	must(t, c.Do(ctx, "POST", "/v1/triggers", fields, &made))
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
	return found(ctx, t, c, "trigger_id", id, n)
}

// described does so with the executions that have a description.
func described(ctx context.Context, t *testing.T, c *apiclient.Client, how string, n int) (outputs []string) {
	t.Helper()
	return found(ctx, t, c, "description", how, n)
}

func found(ctx context.Context, t *testing.T, c *apiclient.Client, field, value string, n int) (outputs []string) {
	t.Helper()
	await(ctx, t, fmt.Sprintf("%d executions of %s %q have ended", n, field, value), func() bool {
		outputs = nil
		for marker := ""; ; {
			var page struct {
				Executions []struct{ ID, Status, Result string }
				Next       string
			}
			// Newest first: without an index, a list considers a part of what there is.
			path := "/v1/executions?sort_keys=created_at&sort_dirs=desc&" + field + "=" + url.QueryEscape(value) + marker
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
	nova, server := newNova(t), faas.NewID()
	c, others := with(t, 0, demo.text), with(t, 1, alt.text)
	settings := map[string]any{"event_type": "compute.instance.delete.end"}
	f := create(ctx, t, c, "def main(event):\n    return event['data']['instance_id']\n")
	g := newTrigger(ctx, t, c, f.ID, "notification", settings)
	foreign := newTrigger(ctx, t, others, create(ctx, t, others, returning).ID, "notification", settings)
	// Engines bind their queue to an exchange some time after it was made, and read a new trigger a
	// moment after that.
	await(ctx, t, "a notification is heard", func() bool {
		nova.deleted(ctx, t, demo.projectID, server)
		return shownTrigger(ctx, t, c, g.ID).Delivered > 0
	})
	if got := caused(ctx, t, c, g.ID, 1); got[0] != `"`+server+`"` {
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

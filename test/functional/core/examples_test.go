package core

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
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

// These tests do what the manual's examples say, with the code that the manual shows. The example
// of the thumbnails has a test of its own.

// example makes a function of an example's code, with the entry in it.
func example(ctx context.Context, t *testing.T, c *apiclient.Client, name, entry string) apiclient.Function {
	t.Helper()
	code, err := os.ReadFile(repository + "/docs/user/examples/" + name + "/main.py")
	must(t, err)
	pack, err := apiclient.Zip(map[string]string{"main.py": string(code)})
	must(t, err)
	rt, err := c.AwaitRuntime(ctx, "python3")
	must(t, err)
	made, err := c.CreateFunction(ctx, apiclient.NewFunction{
		Name: name, RuntimeID: rt.ID, Entry: entry, Package: pack, CPU: 1000, MemorySize: 128 << 20,
		Timeout: functionTimeout,
	})
	must(t, err)
	forget(t, c, made.ID)
	return made
}

// named returns a name that nothing else has.
func named(what string) string { return what + "-" + strings.ToLower(rand.Text()[:8]) }

// queues returns a client of the queues of a project.
func queues(t *testing.T, of token) *gophercloud.ServiceClient {
	t.Helper()
	return zaqar.NewMessagingV2At(
		&gophercloud.ProviderClient{TokenID: of.text}, service(t, of, zaqar.ServiceType),
		"11111111-2222-4333-8444-555555555555",
	)
}

// messages takes so many messages from a queue.
func messages(
	ctx context.Context, t *testing.T, client *gophercloud.ServiceClient, queue string, n int,
) (bodies []json.RawMessage) {
	t.Helper()
	await(ctx, t, fmt.Sprintf("there are %d messages in queue %s", n, queue), func() bool {
		some, err := zaqar.Claim(ctx, client, queue, zaqar.ClaimOpts{TTL: time.Hour, Limit: 20})
		if err != nil && !zaqar.IsGone(err) {
			t.Fatal(err)
		}
		for _, m := range some {
			bodies = append(bodies, m.Body)
		}
		return len(bodies) >= n
	})
	return bodies
}

// objects returns the names that a container has.
func objects(ctx context.Context, t *testing.T, of token, container string) []string {
	t.Helper()
	code, _, list := request(ctx, t, "GET", of.swift+"/"+container, map[string]string{"X-Auth-Token": of.text}, nil)
	if code >= http.StatusMultipleChoices {
		t.Fatalf("Swift: list %s: %d %s", container, code, list)
	}
	return strings.Fields(string(list))
}

// TestExampleAlarm has an alarm execute a function that posts a message.
func TestExampleAlarm(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	client := queues(t, demo)
	service(t, demo, aodh.ServiceType)
	c := with(t, 0, demo.text)
	publisher, err := triggertest.NewPublisher(os.Getenv("TRANSPORT_URL"))
	must(t, err)
	t.Cleanup(publisher.Close)
	c.Header[version[0]] = version[1]
	eventType, queue := named("compute.instance.delete"), named("alarms")
	g := newTriggerWith(ctx, t, c, map[string]any{
		"name": "server-gone", "function_id": example(ctx, t, c, "alarm", "main.main").ID, "source": "aodh",
		"settings": map[string]any{"alarm": map[string]any{"type": "event", "rule": map[string]any{
			"event_type": eventType, "query": []any{
				map[string]any{"field": "traits.state", "op": "eq", "value": "deleted"},
			},
		}}},
		"input": map[string]any{"queue": queue},
	})
	_, err = publisher.Publish(ctx, demo.projectID, eventType, map[string]string{
		"instance_id": "i-7", "state": "deleted",
	})
	must(t, err)
	var told struct{ Alarm, State, Server string }
	must(t, json.Unmarshal(messages(ctx, t, client, queue, 1)[0], &told))
	if told.Alarm != "faas-trigger-"+g.ID || told.State != "alarm" || told.Server != "i-7" {
		t.Errorf("the queue has the message %+v", told)
	}
}

// TestExampleNightly has a job look after a container. The manual's pattern is a time of the night:
// the job is made with it, and is then to be executed at the next second.
func TestExampleNightly(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	c := with(t, 0, demo.text)
	c.Header[version[0]] = version[1]
	container := named("reports")
	object(ctx, t, demo, container, "a", []byte("new"))
	object(ctx, t, demo, container, "%C3%BC", []byte("new"))
	f := example(ctx, t, c, "nightly", "main.main")
	for _, night := range []struct {
		days int
		want string
	}{{30, `{"deleted": 0, "kept": 2}`}, {0, `{"deleted": 2, "kept": 0}`}} {
		var job struct{ ID string }
		must(t, c.Do(ctx, "POST", "/v1/jobs", map[string]any{
			"name": "tidy", "function_id": f.ID, "pattern": "0 3 * * *", "time_zone": "Europe/Berlin", "count": 1,
			"function_input": map[string]any{"container": container, "days": night.days},
		}, &job))
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
			defer cancel()
			_ = c.Do(ctx, "DELETE", "/v1/jobs/"+job.ID, nil, nil)
		})
		must(t, c.Do(ctx, "PUT", "/v1/jobs/"+job.ID, map[string]any{"pattern": "* * * * * *"}, nil))
		got := described(ctx, t, c, "Created by Job "+job.ID, 1)
		if !sameJSON(t, got[0], night.want) {
			t.Errorf("of %d days: %s, want %s", night.days, got[0], night.want)
		}
	}
	if left := objects(ctx, t, demo, container); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

func sameJSON(t *testing.T, got, want string) bool {
	t.Helper()
	var is, should any
	must(t, json.Unmarshal([]byte(got), &is))
	must(t, json.Unmarshal([]byte(want), &should))
	return reflect.DeepEqual(is, should)
}

// TestExampleGitHub sends what GitHub does to a webhook, signed as GitHub signs it.
func TestExampleGitHub(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := as(ctx, t, "demo")
	c.Header[version[0]] = version[1]
	var hook struct {
		ID     string
		URL    string `json:"webhook_url"`
		Secret string `json:"signing_secret"`
	}
	must(t, c.Do(ctx, "POST", "/v1/webhooks", map[string]any{
		"function_id": example(ctx, t, c, "github", "main.main").ID, "signature": "github", "body": "raw",
	}, &hook))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = c.Do(ctx, "DELETE", "/v1/webhooks/"+hook.ID, nil, nil)
	})
	send := func(kind, body, secret string) int {
		header := map[string]string{
			"Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/044aadd", "X-GitHub-Event": kind,
			"X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
		}
		if secret != "" {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(body))
			header["X-Hub-Signature-256"] = "sha256=" + hex.EncodeToString(mac.Sum(nil))
		}
		code, _, _ := request(ctx, t, "POST", hook.URL, header, []byte(body))
		return code
	}
	const push = `{"ref": "refs/heads/%s", "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
		"after": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5", "created": false, "deleted": false, "forced": false,
		"repository": {"id": 186853002, "name": "hello", "full_name": "octo/hello", "default_branch": "main"},
		"pusher": {"name": "octo"}, "commits": [{"id": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5",
			"message": "Say hello\n\nIn a friendly way.", "added": ["hello.py"], "removed": [], "modified": []}]}`
	for n, sent := range []struct{ kind, body, want string }{
		{"ping", `{"zen": "Keep it logically awesome.", "hook_id": 1}`, `"pong"`},
		{"push", fmt.Sprintf(push, "try"), `{"ignored": "refs/heads/try"}`},
		{"push", fmt.Sprintf(push, "main"), `{"repository": "octo/hello", "commits": 1,
			"at": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"}`},
	} {
		if code := send(sent.kind, sent.body, hook.Secret); code != http.StatusAccepted {
			t.Fatalf("what GitHub signs is answered with %d", code)
		}
		got := described(ctx, t, c, "Created by Webhook "+hook.ID, n+1)
		if !slices.ContainsFunc(got, func(output string) bool { return sameJSON(t, output, sent.want) }) {
			t.Errorf("the function returned %v, want %s", got, sent.want)
		}
	}
	for _, secret := range []string{"", "guessed"} {
		if code := send("ping", `{}`, secret); code != http.StatusForbidden {
			t.Errorf("signed with %q: %d", secret, code)
		}
	}
}

// TestExampleFanOut has a function post a message for each object, and another work on each.
func TestExampleFanOut(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	client := queues(t, demo)
	c := with(t, 0, demo.text)
	c.Header[version[0]] = version[1]
	const texts = 21 // one more than a request of Zaqar's may have
	container, queue, counted := named("books"), named("to-count"), named("counted")
	want := map[string]int{}
	for n := range texts {
		name := fmt.Sprintf("book-%02d", n)
		object(ctx, t, demo, container, name, []byte(strings.Repeat("word ", n)))
		want[name] = n
	}
	split, count := example(ctx, t, c, "fanout", "main.split"), example(ctx, t, c, "fanout", "main.count")
	destination := map[string]any{"on_success": map[string]any{"queue": counted}}
	must(t, c.Do(ctx, "PUT", "/v1/functions/"+count.ID, destination, nil))
	newTriggerWith(ctx, t, c, map[string]any{
		"name": "to-count", "function_id": count.ID, "source": "zaqar",
		"settings": map[string]any{"queue": queue, "mode": "pull"},
	})
	if n := run(ctx, t, c, split.ID, map[string]any{"container": container, "queue": queue}); n != fmt.Sprint(texts) {
		t.Fatalf("%s messages were posted", n)
	}
	got := map[string]int{}
	for _, body := range messages(ctx, t, client, counted, texts) {
		var e struct {
			Data struct {
				Result struct {
					Output struct {
						Object string
						Words  int
					}
				}
			}
		}
		must(t, json.Unmarshal(body, &e))
		got[e.Data.Result.Output.Object] = e.Data.Result.Output.Words
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("counted is %v", got)
	}
}

// TestExampleServerGone has Nova say that a server was deleted.
func TestExampleServerGone(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	c := with(t, 0, demo.text)
	nova := newNova(t)
	server, other, container := faas.NewID(), faas.NewID(), named("backups")
	for _, name := range []string{server + "/one", server + "/two%20of%20two", other + "/one"} {
		object(ctx, t, demo, container, name, []byte("kept for it"))
	}
	g := newTriggerWith(ctx, t, c, map[string]any{
		"name": "server-gone", "function_id": example(ctx, t, c, "server-gone", "main.main").ID, "source": "notification",
		"settings": map[string]any{"event_type": "compute.instance.delete.end"},
		"input":    map[string]any{"container": container},
	})
	// Engines bind their queue to an exchange some time after it was made, and read a new trigger a
	// moment after that: of another server, until it is heard.
	await(ctx, t, "Nova is heard", func() bool {
		nova.deleted(ctx, t, demo.projectID, faas.NewID())
		return shownTrigger(ctx, t, c, g.ID).Delivered > 0
	})
	nova.deleted(ctx, t, demo.projectID, server)
	await(ctx, t, "the server's objects are deleted", func() bool {
		return len(objects(ctx, t, demo, container)) == 1
	})
	if left := objects(ctx, t, demo, container); left[0] != other+"/one" {
		t.Errorf("left is %v", left)
	}
}

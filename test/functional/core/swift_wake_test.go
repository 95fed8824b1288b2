package core

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/test/functional/sizes"
)

// naming is a function that returns the name of its object.
const naming = "def main(event):\n    return event['data']['object']\n"

// woken is a trigger that by itself looks at its container each hour.
type woken struct {
	of        token
	c         *apiclient.Client
	container string
	trigger   triggerView
	objects   int // that have had the function executed
}

// newWoken makes one, and returns when what Swift's proxy says on the bus wakes it.
func newWoken(ctx context.Context, t *testing.T) *woken {
	t.Helper()
	w := &woken{of: login(ctx, t, "demo"), container: fmt.Sprintf("wake ü %d", time.Now().UnixNano())}
	w.c = with(t, 0, w.of.text)
	f := create(ctx, t, w.c, naming)
	w.put(ctx, t, "", nil)
	w.put(ctx, t, "before", nil)
	w.trigger = newTrigger(ctx, t, w.c, f.ID, "swift", map[string]any{"container": w.container, "interval": 3600})
	// Engines bind their queue to Swift's exchange some time after it was made, and read a new
	// trigger a moment after that.
	n, last := 0, time.Time{}
	await(ctx, t, "a notification of Swift's is heard", func() bool {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			w.put(ctx, t, fmt.Sprint("first-", n), nil)
			n++
		}
		return shownTrigger(ctx, t, w.c, w.trigger.ID).Delivered > 0
	})
	caused(ctx, t, w.c, w.trigger.ID, n)
	w.objects = n
	return w
}

func (w *woken) url(name string) string {
	at := w.of.swift + "/" + url.PathEscape(w.container)
	if name != "" {
		at += "/" + url.PathEscape(name)
	}
	return at
}

func (w *woken) put(ctx context.Context, t *testing.T, name string, content []byte) {
	t.Helper()
	header := map[string]string{"X-Auth-Token": w.of.text}
	if code, _, answer := request(ctx, t, "PUT", w.url(name), header, content); code >= 300 {
		t.Errorf("Swift: PUT %s: %d %s", name, code, answer)
	}
}

// runs waits until so many more objects than before have had the function executed, and returns the
// names of all.
func (w *woken) runs(ctx context.Context, t *testing.T, more int) []string {
	t.Helper()
	w.objects += more
	got := caused(ctx, t, w.c, w.trigger.ID, w.objects)
	if len(got) != w.objects {
		t.Errorf("there are %d executions, want %d", len(got), w.objects)
	}
	return got
}

// TestObjectsWakeTriggers has functions run because of what Swift says on the message bus, long
// before their trigger looks by itself; hundreds of objects at once run one each.
func TestObjectsWakeTriggers(t *testing.T) {
	ctx := testContext(t)
	w := newWoken(ctx, t)
	var took []time.Duration
	for n := range 11 {
		began := time.Now()
		w.put(ctx, t, fmt.Sprint("one-", n), nil)
		w.runs(ctx, t, 1)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("from PUT to the end of the execution: p50 %s, slowest of %d %s", took[len(took)/2], len(took),
		took[len(took)-1])
	w.put(ctx, t, "one-3", nil) // another version, of equal size
	w.runs(ctx, t, 1)
	const sides = 20
	objects := sizes.Of(1000, 300)
	var group sync.WaitGroup
	began := time.Now()
	for side := range sides {
		group.Go(func() {
			for n := side; n < objects; n += sides {
				w.put(ctx, t, fmt.Sprintf("many-%03d", n), nil)
			}
		})
	}
	group.Wait()
	put := time.Since(began)
	all := w.runs(ctx, t, objects)
	many := slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, `"many-`) })
	if each := len(slices.Compact(many)); each != objects {
		t.Errorf("of %d objects %d had a function executed", objects, each)
	}
	t.Logf("%d objects were put in %s, the last has run after %s; %d events came twice", objects, put,
		time.Since(began), shownTrigger(ctx, t, w.c, w.trigger.ID).Duplicates)
}

// TestForgedNotificationsOfSwift has somebody say on the bus that an object was put that is not
// there: the trigger looks, and finds what there is.
func TestForgedNotificationsOfSwift(t *testing.T) {
	ctx := testContext(t)
	w := newWoken(ctx, t)
	// What comes by an archive is a change of which Swift's proxy says nothing.
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	must(t, tw.WriteHeader(&tar.Header{Name: "quiet", Mode: 0o600}))
	must(t, tw.Close())
	header := map[string]string{"X-Auth-Token": w.of.text, "Accept": "application/json"}
	code, _, answer := request(ctx, t, "PUT", w.url("")+"?extract-archive=tar", header, archive.Bytes())
	if code != http.StatusOK || !strings.Contains(string(answer), "201 Created") {
		t.Fatalf("Swift: %d %s", code, answer)
	}
	w.forged(ctx, t, w.of.projectID, w.container, "ghost")
	got := w.runs(ctx, t, 1)
	if !slices.Contains(got, `"quiet"`) || slices.Contains(got, `"ghost"`) {
		t.Errorf("the function was executed for %q", got)
	}
	for range 100 {
		w.forged(ctx, t, w.of.projectID, w.container, "ghost")
		w.forged(ctx, t, faas.NewID(), w.container, "ghost")
	}
	w.put(ctx, t, "real", nil)
	if got := w.runs(ctx, t, 1); slices.Contains(got, `"ghost"`) || !slices.Contains(got, `"real"`) {
		t.Errorf("the function was executed for %q", got)
	}
}

// forged says what Swift's proxy would if the object was put.
func (w *woken) forged(ctx context.Context, t *testing.T, projectID, container, object string) {
	t.Helper()
	conn, err := amqp.Dial("amqp" + strings.TrimPrefix(os.Getenv("TRANSPORT_URL"), "rabbit"))
	must(t, err)
	defer conn.Close()
	channel, err := conn.Channel()
	must(t, err)
	must(t, channel.Confirm(false))
	now := time.Now().UTC()
	message, err := json.Marshal(map[string]any{
		"message_id": faas.NewID(), "publisher_id": "ceilometermiddleware", "event_type": "objectstore.http.request",
		"priority": "INFO", "timestamp": now.Format("2006-01-02 15:04:05.000000"), "_unique_id": faas.NewID(),
		"payload": map[string]any{
			"typeURI": "http://schemas.dmtf.org/cloud/audit/1.0/event", "id": faas.NewID(), "eventType": "activity",
			"eventTime": now.Format("2006-01-02T15:04:05.000000"), "action": "create", "outcome": "success",
			"observer":  map[string]any{"id": "target"},
			"initiator": map[string]any{"id": "x", "typeURI": "service/security/account/user", "project_id": projectID},
			"target": map[string]any{
				"id": projectID, "typeURI": "service/storage/object", "action": "put", "metadata": map[string]any{
					"path": "v1/AUTH_" + projectID + "/" + url.PathEscape(container) + "/" + object, "version": "v1",
					"container": url.PathEscape(container), "object": object,
				},
			},
		},
	})
	must(t, err)
	body, err := json.Marshal(map[string]any{"oslo.version": "2.0", "oslo.message": string(message)})
	must(t, err)
	sent, err := channel.PublishWithDeferredConfirmWithContext(ctx, "swift", "notifications.info", false, false,
		amqp.Publishing{ContentType: "application/json", ContentEncoding: "utf-8", Body: body})
	must(t, err)
	if taken, err := sent.WaitContext(ctx); err != nil || !taken {
		t.Fatalf("RabbitMQ has not taken it: %v", err)
	}
}

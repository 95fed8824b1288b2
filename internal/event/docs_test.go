package event

import (
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/pkg/aodh"
)

const page = "../../docs/user/events.md"

// documented returns the blocks of the page by what stands before them: event NAME, filter NAME …
func documented(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)<!-- (\\w+ \\w+) -->\n```json\n(.*?)\n```\n").FindAllSubmatch(text, -1) {
		blocks[string(m[1])] = string(m[2])
	}
	if all := strings.Count(string(text), "```json"); len(blocks) != all {
		t.Errorf("%d of %d blocks are tested", len(blocks), all)
	}
	return blocks
}

// examples makes the events of the page anew.
func examples(t *testing.T) map[string]Event {
	t.Helper()
	n, err := aodh.ParseNotification([]byte(eventAlarm))
	if err != nil {
		t.Fatal(err)
	}
	size := int64(48213)
	const trigger = "0c1f1c2e-6b52-4b53-a0de-5b4bd8a5fd30"
	request := func(h http.Header, body string) (Event, error) {
		got, err := FromRequest(h, []byte(body), Plain{"org.openstack.faas.webhook", "/v1/triggers/" + trigger, arrived})
		if err != nil {
			return Event{}, err
		}
		return got[0], nil
	}
	all := map[string]Event{}
	add := func(name string) func(e Event, err error) {
		return func(e Event, err error) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all[name] = e
		}
	}
	add("aodh")(FromAodh(n, []byte(eventAlarm), arrived))
	add("zaqar")(FromZaqar("orders", "p1", json.RawMessage(`{"order": 12345678901234567890, "paid": true}`),
		"51db6f78c508f17ddc924357", arrived))
	add("swift")(FromObject(TypeObjectCreated, Object{
		ProjectID: "p1", Container: "photos", Name: "2026/cat.jpg", Bytes: &size, ETag: "d41d8cd98f00b204e9800998ecf8427e",
		ContentType: "image/jpeg", LastModified: arrived,
	}, ""))
	add("notification")(FromNotification(Notification{
		MessageID: "b8f4a2c0-0b3c-4a57-9d1c-0f6f6c1d2e3f", EventType: "compute.instance.delete.end",
		PublisherID: "compute.host-1", Priority: "info", ProjectID: "p1", Time: arrived,
		Payload: json.RawMessage(`{"instance_id": "0f6f6c1d-8a2c-4a57-9d1c-b8f4a2c00b3c", "display_name": "web-1",
			"state": "deleted", "memory_mb": 512}`),
	}))
	add("clock")(Tick(trigger, "*/5 * * * *", arrived))
	add("binary")(request(header("Ce-Specversion", "1.0", "Ce-Id", "7", "Ce-Source", "/till/3", "Ce-Type",
		"com.example.sold", "Content-Type", "application/json"), `{"article": "tea", "pieces": 2}`))
	add("request")(request(header("Webhook-Id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"), "hello"))
	return all
}

func sameJSON(t *testing.T, name, got, want string) {
	t.Helper()
	var is, should any
	for text, to := range map[string]*any{got: &is, want: &should} {
		from := json.NewDecoder(strings.NewReader(text))
		from.UseNumber()
		if err := from.Decode(to); err != nil {
			t.Fatalf("%s: %v in %s", name, err, text)
		}
	}
	if !reflect.DeepEqual(is, should) {
		t.Errorf("%s is\n%s\nbut the page says\n%s", name, got, want)
	}
}

// TestPageOfEvents holds docs/user/events.md to what is so.
func TestPageOfEvents(t *testing.T) {
	events := examples(t)
	kinds := map[string]int{}
	for title, block := range documented(t) {
		kind, name, _ := strings.Cut(title, " ")
		kinds[kind]++
		e, ok := events[name]
		if !ok {
			t.Errorf("%s: there is no such event", title)
			continue
		}
		switch kind {
		case "event":
			text, err := Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, title, string(text), block)
		case "filter":
			f, err := ParseFilter(json.RawMessage(block))
			if err != nil {
				t.Errorf("%s: %v", title, err)
				continue
			}
			for other, e := range events {
				if ok, _ := f.Match(e); ok != (other == name) {
					t.Errorf("%s: %t for %s", title, ok, other)
				}
			}
		case "template":
			template, err := ParseTemplate(json.RawMessage(block))
			if err != nil {
				t.Errorf("%s: %v", title, err)
				continue
			}
			made, err := template.Members(e)
			if err != nil {
				t.Errorf("%s: %v", title, err)
			}
			sameJSON(t, title, string(made), documented(t)["members "+name])
		}
	}
	want := map[string]int{"event": len(events), "filter": 3, "template": 1, "members": 1}
	if !reflect.DeepEqual(kinds, want) {
		t.Errorf("there are %v, want %v", kinds, want)
	}
}

// TestPageOfEventsNamesAll looks for what the tables of the page must have.
func TestPageOfEventsNamesAll(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		TypeAlarm, TypeMessage, TypeObjectCreated, TypeObjectDeleted, TypeTick, TypeNotification, extensionProject,
		extensionState, extensionEvent, extensionPriority,
	} {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("the page does not name %s", name)
		}
	}
	for _, header := range deliveries {
		if !strings.Contains(string(text), "`"+strings.ToLower(header)+"`") {
			t.Errorf("the page does not name the header %s", header)
		}
	}
}

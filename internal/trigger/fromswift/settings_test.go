package fromswift

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
)

func TestSettings(t *testing.T) {
	for text, want := range map[string]Settings{
		`{"container": "c"}`: {Container: "c", Events: []string{Created}, Interval: 10},
		`{"container": "ü x", "events": ["deleted", "created"], "prefix": "a/", "suffix": ".jpg", "interval": 2}`: {
			"ü x", []string{Deleted, Created}, "a/", ".jpg", 2,
		},
	} {
		got, err := ParseSettings(json.RawMessage(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		complete, _ := json.Marshal(got)
		if again, err := ParseSettings(complete); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: %+v, %v", complete, again, err)
		}
	}
	for text, says := range map[string]string{
		``: "container is required", `null`: "container is required", `{}`: "container is required",
		`[]`: "must be a JSON object", `{"container": "c"} {}`: "must be a JSON object",
		`{"container": 5}`: "settings.container must be a JSON string", `{"container": "a/b"}`: "must not have a slash",
		`{"container": ".."}`: "may be . or ..",
		fmt.Sprintf(`{"container": %q}`, strings.Repeat("x", 257)):                 "at most 256 bytes",
		`{"container": "c", "contaner": "c"}`:                                      `no member "contaner"`,
		`{"container": "c", "events": []}`:                                         "at least one",
		`{"container": "c", "events": ["changed"]}`:                                `it has "changed"`,
		`{"container": "c", "events": ["created", "created"]}`:                     "only once",
		`{"container": "c", "events": "created"}`:                                  "settings.events must be",
		`{"container": "c", "interval": 1}`:                                        "2 to 3600 seconds; it is 1",
		`{"container": "c", "interval": 3601}`:                                     "2 to 3600 seconds",
		`{"container": "c", "interval": 2.5}`:                                      "settings.interval must be a JSON number",
		fmt.Sprintf(`{"container": "c", "prefix": %q}`, strings.Repeat("x", 1025)): "at most 1024 bytes",
	} {
		_, err := ParseSettings(json.RawMessage(text))
		if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), says) || len(err.Error()) > 400 {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestWoken has notifications as ceilometermiddleware 3.0.0 was seen to send them.
func TestWoken(t *testing.T) {
	const payload = `{"typeURI": "http://schemas.dmtf.org/cloud/audit/1.0/event", "eventType": "activity",
		"id": "5c559db3-2f13-5807-93ec-fcd27fc49616", "eventTime": "2026-11-29T22:52:28.533360", "action": "update",
		"outcome": "OUTCOME", "observer": {"id": "target"}, "initiator": {"id": "ad4a2592-ffd2-53ce-92f3-e0fe8671144f",
		"typeURI": "service/security/account/user", "project_id": null}, "target": {"id": "PROJECT",
		"typeURI": "service/storage/object", "metadata": {"path": "v1/AUTH_PROJECT/CONTAINER/OBJECT", "version": "v1",
		"container": "CONTAINER", "object": "OBJECT"}, "action": "ACTION"}, "measurements": [{"result": 1, "metric": {
		"metricId": "443b749d-9040-5eea-bcb9-b1ff655d29d4", "unit": "B", "name": "storage.objects.outgoing.bytes"}}]}`
	for _, c := range []struct {
		project, action, container, object, outcome string
		want                                        string
	}{
		{"p", "put", "photos", "a/b.jpg", "success", "photos"},
		{"p", "delete", "my%20photos%3F%C3%83%C2%BC", "%C3%83%C2%BC/cat.png", "success", "my photos?ü"},
		{"p", "put", "my%20photos%3F%C3%BC", "a", "success", "my photos?ü"}, // if it is mended
		{"p", "put", "%E6%97%A5", "a", "success", "日"},
		{"p", "post", "photos", "a", "success", "photos"},
		{"p", "copy", "photos", "a", "success", "photos"},
		{"p", "get", "photos", "a", "success", ""},
		{"p", "head", "photos", "a", "success", ""},
		{"p", "put", "photos", "", "success", ""},
		{"p", "put", "%zz", "a", "success", ""},
		{"p", "put", "", "a", "success", ""},
		{"", "put", "photos", "a", "success", ""},
		{"p", "put", "photos", "a", "failure", ""},
	} {
		text := strings.NewReplacer(
			"PROJECT", c.project, "ACTION", c.action, "CONTAINER", c.container, "OBJECT", c.object, "OUTCOME", c.outcome,
		).Replace(payload)
		project, container, ok := Woken([]byte(text))
		if ok != (c.want != "") || ok && (container != c.want || string(project) != c.project) {
			t.Errorf("%+v: %q, %q, %v", c, project, container, ok)
		}
	}
	for _, bad := range []string{
		``, `null`, `[]`, `{"target": 5}`, `{"target": {"metadata": null, "action": "put", "id": "p"}}`,
		`{"target": {"metadata": {"container": "c", "object": "o"}, "action": "put", "id": "p"`,
		`{"target": {"metadata": {"container": "c", "object": ["o"]}, "action": "put", "id": "p"}}`,
	} {
		if _, _, ok := Woken([]byte(bad)); ok {
			t.Errorf("%s", bad)
		}
	}
}

// TestPageOfTheManual reads the examples that users are shown.
func TestPageOfTheManual(t *testing.T) {
	const manual = "../../../docs/user/"
	text, err := os.ReadFile(manual + "triggers-swift.md")
	if err != nil {
		t.Fatal(err)
	}
	bodies := regexp.MustCompile(`(?s) -d '(\{.*?\})'`).FindAllSubmatch(text, -1)
	if len(bodies) == 0 {
		t.Fatal("there is no example")
	}
	for _, body := range bodies {
		var asked struct{ Settings, Input json.RawMessage }
		if err := json.Unmarshal(body[1], &asked); err != nil {
			t.Fatalf("%s: %v", body[1], err)
		}
		if _, err := ParseSettings(asked.Settings); err != nil {
			t.Error(err)
		}
		if _, err := event.ParseTemplate(asked.Input); err != nil {
			t.Error(err)
		}
	}
	for _, file := range regexp.MustCompile(`\]\((examples/[^)]*)\)`).FindAllSubmatch(text, -1) {
		if _, err := os.Stat(manual + string(file[1])); err != nil {
			t.Error(err)
		}
	}
}

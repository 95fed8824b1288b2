package fromzaqar

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestSettings are completed, and complete ones are read as they are.
func TestSettings(t *testing.T) {
	for sent, want := range map[string]string{
		`{"queue": "q"}`: `{"queue":"q","mode":"push","action":"http"}`,
		`{"queue": "q.1_-", "action": "trust+http"}`: `{"queue":"q.1_-","mode":"push","action":"trust+http"}`,
		`{"queue": "q", "mode": "pull"}`:             `{"queue":"q","mode":"pull","claim_ttl":60,"batch":1}`,
		`{"queue": "q", "mode": "pull", "claim_ttl": 300, "batch": 20}`: `{"queue":"q","mode":"pull","claim_ttl":300,` +
			`"batch":20}`,
		`{"queue": "q", "batch": 1}`: `{"queue":"q","mode":"push","action":"http"}`,
	} {
		for _, text := range []string{sent, want} {
			s, err := ParseSettings(json.RawMessage(text))
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			got, err := json.Marshal(s)
			if err != nil || string(got) != want {
				t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
			}
		}
	}
}

// TestSettingsThatAreWrong are refused in words that name what is wrong.
func TestSettingsThatAreWrong(t *testing.T) {
	for _, c := range []struct{ sent, want string }{
		{`[]`, "settings must be a JSON object"},
		{`{}`, "settings.queue"},
		{`{"queue": ""}`, "settings.queue"},
		{`{"queue": "a/b"}`, "settings.queue"},
		{`{"queue": "a?b"}`, "settings.queue"},
		{`{"queue": "a\n"}`, "settings.queue"},
		{`{"queue": 5}`, "settings.queue must be a JSON string"},
		{`{"queue": "q", "ttl": 5}`, `settings has no member "ttl"`},
		{`{"queue": "q", "mode": "x"}`, "settings.mode"},
		{`{"queue": "q", "batch": 2}`, "of the mode"},
		{`{"queue": "q", "action": ""}`, ""},
		{`{"queue": "q", "action": "mailto"}`, "settings.action"},
		{`{"queue": "q", "claim_ttl": 100}`, "of the mode"},
		{`{"queue": "q", "mode": "pull", "action": "http"}`, "of the mode"},
		{`{"queue": "q", "mode": "pull", "batch": 21}`, "1 to 20"},
		{`{"queue": "q", "mode": "pull", "batch": -1}`, "1 to 20"},
		{`{"queue": "q", "mode": "pull", "claim_ttl": 59}`, "60 to 43200"},
		{`{"queue": "q", "mode": "pull", "claim_ttl": 43201}`, "60 to 43200"},
		{`{"queue": "` + strings.Repeat("q", 65) + `"}`, "settings.queue"},
		{`{"queue": "q", "x": "` + strings.Repeat("q", 9000) + `"}`, "at most 8192"},
	} {
		_, err := ParseSettings(json.RawMessage(c.sent))
		if c.want == "" {
			if err != nil {
				t.Errorf("%.80s: %v", c.sent, err)
			}
			continue
		}
		if kind := faas.KindOf(err); kind != faas.Invalid && kind != faas.TooLarge || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80s: got %v, want %q", c.sent, err, c.want)
		}
	}
}

// TestReceive takes messages of the trigger's queue alone, and no orders.
func TestReceive(t *testing.T) {
	now := time.Now()
	const pushed, pulled = `{"queue": "q"}`, `{"queue": "q", "mode": "pull"}`
	message := func(queue string) string {
		return `{"ttl": 300, "body": {"n": 1}, "Message_Type": "Notification", "queue_name": "` + queue + `"}`
	}
	for _, c := range []struct {
		what, settings, body string
		event                bool
		kind                 faas.Kind
	}{
		{"a message", pushed, message("q"), true, ""},
		{"another queue's", pushed, message("r"), false, faas.Invalid},
		{"one that is pushed though it is to be pulled", pulled, message("q"), false, faas.Invalid},
		{"anything", pushed, `{"a": 1}`, false, faas.Invalid},
		{"a forged confirmation", pushed, `{"Message_Type": "SubscriptionConfirmation", "X-Project-ID": "p",
			"WSGISubscribeURL": "http://198.51.100.254/", "URL-Paths": "/v2/queues/other/subscriptions/1/confirm"}`, false, ""},
	} {
		got, err := Receive(faas.Trigger{ID: "t", ProjectID: "p", Settings: c.settings}, []byte(c.body), now)
		if len(got) == 1 != c.event || faas.KindOf(err) != c.kind {
			t.Errorf("%s: %v, %v", c.what, got, err)
		}
		if c.event && (got[0].Validate() != nil || string(got[0].Data()) != `{"n": 1}`) {
			t.Errorf("%s: %v, %v", c.what, got[0], got[0].Validate())
		}
	}
	a, _ := Receive(faas.Trigger{Settings: pushed}, []byte(message("q")), now)
	b, _ := Receive(faas.Trigger{Settings: pushed}, []byte(message("q")), now)
	if a[0].ID() == b[0].ID() {
		t.Error("two equal messages are one event")
	}
}

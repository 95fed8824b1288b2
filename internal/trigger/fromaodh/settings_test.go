package fromaodh

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
		`{"alarm": {"type": "event", "rule": {}}}`: `{"alarm":{"type":"event","rule":{}},"action":"http",` +
			`"severity":"low","repeat":true,"on":["alarm"]}`,
		`{"alarm": {"type": "composite", "rule": {"or": [1]}}, "action": "trust+http",
			"on": ["ok", "insufficient data"]}`: `{"alarm":{"type":"composite","rule":{"or":[1]}},"action":"trust+http",` +
			`"severity":"low","repeat":false,"on":["ok","insufficient data"]}`,
		`{"alarm": {"type": "event", "rule": {"event_type": "a.*", "query": [{"field": "traits.x", "value": "1"}]}},
			"repeat": false, "severity": "critical"}`: `{"alarm":{"type":"event","rule":{"event_type":"a.*",` +
			`"query":[{"field":"traits.x","op":"eq","value":"1","type":"string"}]}},"action":"http",` +
			`"severity":"critical","repeat":false,"on":["alarm"]}`,
		`{"alarm_id": "a"}`:                         `{"alarm_id":"a","action":"http"}`,
		`{"alarm_id": "a", "action": "trust+http"}`: `{"alarm_id":"a","action":"trust+http"}`,
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
		{`null`, "either alarm"},
		{`{}`, "either alarm"},
		{`{"alarm_id": ""}`, "either alarm"},
		{`{"alarm_id": 5}`, "settings.alarm_id must be a JSON string"},
		{`{"alarm": {}, "alarm_id":"a"}`, "either alarm"},
		{`{"alarm_id": "a", "on": []}`, "beside alarm_id"},
		{`{"alarm_id": "` + strings.Repeat("a", 65) + `"}`, "settings.alarm_id has 65 bytes"},
		{`{"alarms": {}}`, `settings has no member "alarms"`},
		{`{"alarm": {"type": "event"}}`, "settings.alarm.rule must be"},
		{`{"alarm": {"type": "event", "rule": null}}`, "settings.alarm.rule must be"},
		{`{"alarm": {"type": "threshold", "rule": {}}}`, "settings.alarm.type"},
		{`{"alarm": {"type": "event", "rule": {}, "name": ""}}`, `settings.alarm has no member "name"`},
		{`{"alarm": {"type": "event", "rule": {"type": 1}}}`, `settings.alarm.rule has no member "type"`},
		{`{"alarm": {"type": "event", "rule": {"event_type": 1}}}`, "rule.event_type must be"},
		{`{"alarm": {"type": "event", "rule": {"query": [{"op": "eq"}]}}}`, "without a field"},
		{`{"alarm": {"type": "event", "rule": {"query": [{"x": "eq"}]}}}`, `settings.alarm.rule.query has no member "x"`},
		{`{"alarm": {"type": "event", "rule": {"query": [{"field": "a", "op": "is"}]}}}`, "rule.query.op"},
		{`{"alarm": {"type": "event", "rule": {"event_type": "` + strings.Repeat("a", 256) + `"}}}`, "more than 255"},
		{`{"alarm": {"type": "event", "rule": {"query": [{"field": "a", "type": "boolean"}]}}}`, "rule.query.type"},
		{`{"alarm": {"type": "composite", "rule": []}}`, "settings.alarm.rule must be"},
		{`{"alarm": {"type": "event", "rule": {}}, "on": ["ok", "ok"]}`, "twice"},
		{`{"alarm": {"type": "event", "rule": {}}, "on": ["gone"]}`, "settings.on"},
		{`{"alarm": {"type": "event", "rule": {}}, "severity": "high"}`, "settings.severity"},
		{`{"alarm": {"type": "event", "rule": {}}, "action": "https"}`, "settings.action"},
		{`{"alarm": {"type": "composite", "rule": {"a": "` + strings.Repeat("a", 17000) + `"}}}`, "at most 8192"},
		{`{"alarm": {"type": "event", "rule": {"query": [{}` + strings.Repeat(",{}", 32) + `]}}}`, "33 conditions"},
	} {
		_, err := ParseSettings(json.RawMessage(c.sent))
		if kind := faas.KindOf(err); kind != faas.Invalid && kind != faas.TooLarge || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80s: got %v, want %q", c.sent, err, c.want)
		}
	}
}

// TestReceive takes the notifications of the trigger's alarm alone.
func TestReceive(t *testing.T) {
	const own = `{"alarm": {"type": "event", "rule": {}}}`
	body := func(id, name string) []byte {
		return []byte(`{"alarm_id": "` + id + `", "alarm_name": "` + name + `", "current": "alarm", "previous": "ok",
			"reason_data": {"type": "event", "event": {"event_type": "x", "message_id": "m"}}}`)
	}
	for _, c := range []struct {
		what, settings, state string
		body                  []byte
		taken                 bool
	}{
		{"its alarm's", own, `{"alarm_id": "a"}`, body("a", "any"), true},
		{"another alarm's", own, `{"alarm_id": "a"}`, body("b", "faas-trigger-t"), false},
		{"its alarm's before that is remembered", own, ``, body("a", "faas-trigger-t"), true},
		{"another alarm's before that is remembered", own, ``, body("a", "faas-trigger-u"), false},
		{"the named alarm's", `{"alarm_id": "a"}`, ``, body("a", "any"), true},
		{"not the named alarm's", `{"alarm_id": "a"}`, ``, body("b", "faas-trigger-t"), false},
		{"no notification", own, `{"alarm_id": "a"}`, []byte(`{"alarm_id": "a"}`), false},
	} {
		got, err := Receive(faas.Trigger{ID: "t", Settings: c.settings, State: c.state}, c.body, time.Now())
		if c.taken != (err == nil) || err != nil && faas.KindOf(err) != faas.Invalid {
			t.Errorf("%s: %v", c.what, err)
		}
		if err == nil && (len(got) != 1 || got[0].Validate() != nil || got[0].ID() != "a/m") {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}

package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// trigger sends a request about triggers and checks the status of its answer.
func (s *service) trigger(method, path, body string, want int) reply {
	s.t.Helper()
	got := s.send(testRequest{method: method, path: path, body: body, header: latestHeader})
	if got.status != want {
		s.t.Fatalf("%s %s %.200s: %d %s, want %d", method, path, body, got.status, got.body, want)
	}
	return got
}

// newTrigger makes a trigger of the function; rest are further fields.
func (s *service) newTrigger(function, source, rest string) triggerView {
	s.t.Helper()
	body := `{"function_id": "` + function + `", "source": "` + source + `"` + rest + `}`
	return decoded[triggerView](s.t, s.trigger("POST", "/v1/triggers", body, 201))
}

// notify sends an event to a trigger, as somebody without a token, and returns its executions.
func (s *service) notify(t triggerView, body string, want int, header ...string) (ids []string, got reply) {
	s.t.Helper()
	u, err := url.Parse(*t.URL)
	s.must(err)
	got = hooked{s: s, url: u.RequestURI()}.call(body, want, header...)
	if want == 202 {
		ids = decoded[eventsTaken](s.t, got).ExecutionIDs
	}
	return ids, got
}

// seenBy returns a trigger once it has seen so many events.
func (s *service) seenBy(id string, events int64) faas.TriggerSeen {
	s.t.Helper()
	s.api.handlers.triggerDoor.intake.Flush()
	t, err := s.store.Trigger(s.t.Context(), faas.AnyProject(), id)
	s.must(err)
	if n := t.Seen.Delivered + t.Seen.Filtered + t.Seen.Duplicates + t.Seen.Failed; n != events {
		s.t.Errorf("the trigger has seen %d events, want %d: %+v", n, events, t.Seen)
	}
	return t.Seen
}

// TestATriggerIsSentEvents has what is sent to a trigger's URL be executions, each event once.
func TestATriggerIsSentEvents(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	g := s.newTrigger(
		f,
		"webhook",
		`, "name": "n", "filter": [{"exact": {"type": "org.openstack.faas.webhook"}}], "input": {"who": "${data.name}"}`,
	)
	if g.Status != "active" || g.Retries != 2 || g.RetryDelay != 30 || *g.FunctionVersion != 0 || g.URL == nil {
		t.Errorf("made %+v", g)
	}
	ids, _ := s.notify(g, `{"name": "Ada"}`, 202)
	if len(ids) != 1 {
		t.Fatalf("executions %v", ids)
	}
	x, err := s.store.Execution(t.Context(), faas.AnyProject(), ids[0])
	s.must(err)
	var input struct {
		Event struct {
			Type    string
			Data    json.RawMessage
			Attempt int `json:"faasattempt"`
		} `json:"__event"`
		Who string
	}
	s.must(json.Unmarshal([]byte(x.Input), &input))
	if x.FunctionID != f || x.ProjectID != project || x.Sync || x.Description != "Created by Trigger "+g.ID ||
		input.Event.Type != "org.openstack.faas.webhook" || string(input.Event.Data) != `{"name": "Ada"}` || input.Who != "Ada" ||
		input.Event.Attempt != 1 || x.RequestID == "" || x.UserID != g.UserID {
		t.Errorf("recorded %+v", x)
	}
	if id := await(t, s.queued); id != x.ID {
		t.Errorf("queued is %s", id)
	}
	const binary = "Ce-Specversion\x001.0\x00Ce-Id\x00e1\x00Ce-Source\x00/there\x00Ce-Type\x00"
	own := strings.Split(binary+"org.openstack.faas.webhook", "\x00")
	first, _ := s.notify(g, `{}`, 202, own...)
	again, _ := s.notify(g, `{"other": "body"}`, 202, own...)
	if len(first) != 1 || len(again) != 1 || first[0] != again[0] {
		t.Errorf("the same event is the executions %v and %v", first, again)
	}
	if other, _ := s.notify(g, `{}`, 202, strings.Split(binary+"another", "\x00")...); len(other) != 0 {
		t.Errorf("an event that the filter keeps out is the executions %v", other)
	}
	if seen := s.seenBy(g.ID, 4); seen.Delivered != 2 || seen.Duplicates != 1 || seen.Filtered != 1 ||
		seen.LastEventID != "e1" {
		t.Errorf("seen %+v", seen)
	}
	s.trigger("PUT", "/v1/triggers/n", `{"status": "paused"}`, 200)
	if ids, _ := s.notify(g, `{}`, 202); len(ids) != 0 || s.executions() != 2 {
		t.Errorf("a paused trigger makes %v", ids)
	}
	g = decoded[triggerView](
		t,
		s.trigger("PUT", "/v1/triggers/n", `{"status": "active", "filter": [], "input": {}, "retries": 0}`, 200),
	)
	if g.Status != "active" || string(g.Filter) != "null" || string(g.Input) != "null" || g.Retries != 0 ||
		g.RetryDelay != 30 {
		t.Errorf("changed to %+v", g)
	}
	if ids, _ := s.notify(g, `[1]`, 202, own...); len(ids) != 1 {
		t.Errorf("a trigger that goes on makes %v", ids)
	}
	s.do("DELETE", "/v1/functions/"+f, "", 409)
	s.trigger("DELETE", "/v1/triggers/n", "", 204)
	s.notify(g, `{}`, 404)
	s.trigger("GET", "/v1/triggers/"+g.ID, "", 404)
	s.do("DELETE", "/v1/functions/"+f, "", 204)
}

// TestForgedEvents has nothing come of what is not from who it should be.
func TestForgedEvents(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	g, other := s.newTrigger(f, "webhook", ""), s.newTrigger(f, "webhook", "")
	u, err := url.Parse(*g.URL)
	s.must(err)
	secret := u.Query().Get("secret")
	for what, at := range map[string]string{
		"no secret": u.Path, "a wrong secret": u.Path + "?secret=1.AAAA", "another's secret": "/v1/triggers/" + other.ID + "/events?secret=" + secret,
		"two secrets": u.RequestURI() + "&secret=" + secret, "no trigger": "/v1/triggers/" + faas.NewID() + "/events?secret=" + secret,
		"no id": "/v1/triggers/x/events?secret=" + secret, "another generation": u.Path + "?secret=2" + secret[1:],
		"a webhook's URL": "/v1/webhooks/" + g.ID + "/invoke?secret=" + secret,
	} {
		if got := (hooked{s: s, url: at}).call(`{}`, 404); strings.Contains(string(got.body), secret) {
			t.Errorf("%s: the answer has the secret: %s", what, got.body)
		}
	}
	rotated := decoded[triggerView](t, s.trigger("POST", "/v1/triggers/"+g.ID+"/rotate", "", 200))
	s.notify(g, `{}`, 404)
	signed := s.newTrigger(f, "webhook", `, "settings": {"signature": "github"}`)
	var settings struct {
		Secret string `json:"signing_secret"`
	}
	s.must(json.Unmarshal(signed.Settings, &settings))
	mac := hmac.New(sha256.New, []byte(settings.Secret))
	mac.Write([]byte(`{"a":1}`))
	signature := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	s.notify(signed, `{"a":1}`, 403)
	s.notify(signed, `{"a":2}`, 403, "X-Hub-Signature-256", signature)
	s.notify(rotated, strings.Repeat(" ", 3<<20), 413)
	if n := s.executions(); n != 0 {
		t.Errorf("%d executions of forged events", n)
	}
	s.notify(signed, `{"a":1}`, 202, "X-Hub-Signature-256", signature)
	shown := decoded[triggerView](t, s.trigger("GET", "/v1/triggers/"+signed.ID, "", 200))
	if strings.Contains(string(shown.Settings), "secret") || strings.Contains(s.logs.String(), settings.Secret) ||
		strings.Contains(s.logs.String(), secret) {
		t.Errorf("a secret is shown: %s", shown.Settings)
	}
	s.trigger("PUT", "/v1/triggers/"+signed.ID, `{"settings": {"signature": "github", "type": "t"}}`, 200)
	s.notify(signed, `{"a":1}`, 202, "X-Hub-Signature-256", signature)
	if n := s.executions(); n != 2 {
		t.Errorf("%d executions", n)
	}
}

// TestLoopsEnd has an event that comes of too many executions in a row be no further one.
func TestLoopsEnd(t *testing.T) {
	s := newService(t)
	g := s.newTrigger(s.newFunction(s.newRuntime(), "f").ID, "webhook", "")
	for depth, want := range map[int]int{faas.MaxEventDepth: 1, faas.MaxEventDepth + 1: 0} {
		ids, _ := s.notify(g, `{}`, 202, "Ce-Specversion", "1.0", "Ce-Id", fmt.Sprint("e", depth), "Ce-Source", "/x",
			"Ce-Type", "t", "Ce-Faasdepth", fmt.Sprint(depth))
		if len(ids) != want {
			t.Errorf("at depth %d there are the executions %v", depth, ids)
		}
	}
	if seen := s.seenBy(g.ID, 2); seen.Failed != 1 || !strings.Contains(seen.LastError, "17 executions in a row") {
		t.Errorf("seen %+v", seen)
	}
}

func TestBadTriggers(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	for rest, want := range map[string]string{
		``:                    "source must be one of clock, webhook",
		`, "source": "mqtt"`:  `it is \"mqtt\"`,
		`, "source": "aodh"`:  "source must be one of clock, webhook",
		`, "source": "clock"`: "settings.pattern is required",
		`, "source": "clock", "settings": {"pattern": "x"}`:                              "settings.pattern is not valid",
		`, "source": "clock", "settings": {"pattern": "* * * * *", "time_zone": "x"}`:    "settings.time_zone must be a name",
		`, "source": "clock", "settings": {"pattern": 5}`:                                "settings.pattern must be a JSON string; it is a number",
		`, "source": "clock", "settings": {"cron": "* * * * *"}`:                         `settings has no member \"cron\"`,
		`, "source": "webhook", "settings": []`:                                          "settings must be a JSON object",
		`, "source": "webhook", "settings": {"sealed": true}`:                            `no member \"sealed\"`,
		`, "source": "webhook", "settings": {"signature": "rsa"}`:                        "settings.signature must be one of",
		`, "source": "webhook", "settings": {"signing_secret": "0123456789abcdef"}`:      "of use only with a signature",
		`, "source": "webhook", "settings": {"signature":"github","signing_secret":"x"}`: "settings.signing_secret",
		`, "source": "webhook", "filter": {}`:                                            "filter must be a JSON array",
		`, "source": "webhook", "filter": [{"like": {}}]`:                                "like",
		`, "source": "webhook", "input": []`:                                             "input must be a JSON object",
		`, "source": "webhook", "input": {"__event": 1}`:                                 "__event",
		`, "source": "webhook", "retries": 11`:                                           "retries must be from 0 to 10",
		`, "source": "webhook", "retry_delay": 0`:                                        "retry_delay must be from 1 to 3600",
		`, "source": "webhook", "status": "error"`:                                       "status must be active or paused",
		`, "source": "webhook", "url": "x"`:                                              "There is no field",
	} {
		got := s.trigger("POST", "/v1/triggers", `{"function_id": "`+f+`"`+rest+`}`, 400)
		if !strings.Contains(string(got.body), want) {
			t.Errorf("%s: %s, want %s", rest, got.body, want)
		}
	}
	s.trigger("POST", "/v1/triggers", `{"source": "webhook", "function_id": "`+faas.NewID()+`"}`, 404)
	g := s.newTrigger(f, "clock", `, "settings": {"pattern": "@daily"}`)
	if g.Status != "pending" || g.URL != nil || string(g.Settings) != `{"pattern":"@daily","time_zone":"UTC"}` {
		t.Errorf("made %+v", g)
	}
	s.trigger("POST", "/v1/triggers/"+g.ID+"/rotate", "", 400)
	s.do("GET", "/v1/triggers", "", 404) // at the first microversion there are none
}

// TestTriggersAreAnnounced has engines that hear the message bus told of each change to a trigger
// that they remember, and of no other.
func TestTriggersAreAnnounced(t *testing.T) {
	s, _ := trusting(t)
	announced := make(chan string, 100)
	_, err := s.broker.Subscribe(t.Context(), faas.TopicTrigger, func(body []byte) {
		var news faas.TriggerChanged
		if err := json.Unmarshal(body, &news); err != nil {
			t.Error(err)
		}
		announced <- news.ID
	})
	s.must(err)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.newTrigger(function, "webhook", "")
	var want []string
	for source, settings := range map[string]string{
		"swift": `{"container": "a"}`, "notification": `{"event_type": "compute.*"}`,
	} {
		id := s.newTrigger(function, source, `, "settings": `+settings).ID
		s.trigger("PUT", "/v1/triggers/"+id, `{"status": "paused"}`, 200)
		s.trigger("DELETE", "/v1/triggers/"+id, "", 204)
		want = append(want, id, id, id)
	}
	for _, id := range want {
		if got := <-announced; got != id {
			t.Errorf("announced is %s, want %s", got, id)
		}
	}
	if len(announced) > 0 {
		t.Errorf("announced is %s, too", <-announced)
	}
}

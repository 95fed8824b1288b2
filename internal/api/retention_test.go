package api

import (
	"encoding/json"
	"strings"
	"testing"
)

// at115 sends a request of microversion 1.15, as whom the identity says, and checks the status of
// its answer.
func (s *service) at115(method, path, body, identity string, status int) reply {
	s.t.Helper()
	got := s.send(testRequest{method: method, path: path, body: body, identity: identity, header: map[string]string{
		"OpenStack-API-Version": "function-engine 1.15",
	}})
	if got.status != status {
		s.t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.body, status)
	}
	return got
}

// TestRetention is set, shown and cleared, by bodies and by forms.
func TestRetention(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	path := "/v1/functions/" + s.newFunction(runtime, "f").ID
	shown := func(got reply) string {
		var f struct {
			Retention json.RawMessage `json:"retention"`
		}
		got.decode(t, &f)
		return string(f.Retention)
	}
	for _, c := range []struct{ body, want string }{
		{`{}`, `null`},
		{`{"retention": {"days": 7}}`, `{"days":7,"count":null}`},
		{`{"name": "g"}`, `{"days":7,"count":null}`},
		{`{"retention": {"count": "100", "days": null}}`, `{"days":null,"count":100}`},
		{`{"retention": {"count": 1000000, "days": 36500}}`, `{"days":36500,"count":1000000}`},
		{`{"retention": null}`, `null`},
		{`{"retention": "{\"days\": 1}"}`, `{"days":1,"count":null}`},
		{`{"retention": ""}`, `null`},
		{`{"retention": {"days": 1}}`, `{"days":1,"count":null}`},
		{`{"retention": {}}`, `null`},
	} {
		if got := shown(s.at115("PUT", path, c.body, "", 200)); got != c.want {
			t.Errorf("%s: %s, want %s", c.body, got, c.want)
		}
		if got := shown(s.at115("GET", path, "", "", 200)); got != c.want {
			t.Errorf("%s: read %s, want %s", c.body, got, c.want)
		}
	}
	body, contentType := formOf(
		t, field{"package", zipOf(t, "main.py", "def main(): pass")}, field{"runtime_id", runtime},
		field{"code", `{"source": "package"}`}, field{"retention", `{"days": 2, "count": 3}`},
	)
	made := s.send(testRequest{method: "POST", path: "/v1/functions", body: body, contentType: contentType,
		header: map[string]string{"OpenStack-API-Version": "function-engine 1.15"}})
	if got := shown(made); made.status != 201 || got != `{"days":2,"count":3}` {
		t.Errorf("%d %s", made.status, made.body)
	}
	// Before 1.15 there is no such field.
	s.do("PUT", path, `{"retention": null}`, 400)
	if got := string(s.do("GET", path, "", 200).body); strings.Contains(got, "retention") {
		t.Errorf("1.0 shows %s", got)
	}
}

func TestBadRetention(t *testing.T) {
	s := newService(t)
	path := "/v1/functions/" + s.newFunction(s.newRuntime(), "f").ID
	for body, want := range map[string]string{
		`{"days": 0}`:        "days must be from 1 to 36500 days; it is 0.",
		`{"days": -1}`:       "days must be from 1 to 36500 days; it is -1.",
		`{"days": 1.5}`:      "days must be a whole number; it is 1.5.",
		`{"count": 0}`:       "count must be from 1 to 1000000; it is 0.",
		`{"count": 1e99}`:    "count must be a whole number; it is 1e99.",
		`{"count": []}`:      "count must be a whole number; it is [].",
		`{"weeks": 1}`:       `There is no field "weeks" here; the fields are days, count.`,
		`[]`:                 "must be a JSON object",
		`7`:                  "must be a JSON object",
		`"a week"`:           "must be a JSON object",
		`"{\"days\": true}"`: "days must be a whole number; it is true.",
	} {
		got := s.at115("PUT", path, `{"retention": `+body+`}`, "", 400).fault()
		if !strings.HasPrefix(got, "retention: ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", body, got)
		}
	}
}

// TestRetentionIsWithinTheQuota refuses what is above it. What was set stays, and shows, when the
// quota is lowered.
func TestRetentionIsWithinTheQuota(t *testing.T) {
	s := newService(t, withQuotas)
	s.limit(`{"execution_days": 30, "executions_per_function": 1000}`)
	path := "/v1/functions/" + s.newFunction(s.newRuntime(), "f").ID
	for body, want := range map[string]string{
		`{"days": 31}`:               "Quota exceeded for execution_days: limit 30, retention.days is 31.",
		`{"days": 1, "count": 1001}`: "Quota exceeded for executions_per_function: limit 1000, retention.count is 1001.",
	} {
		if got := s.at115("PUT", path, `{"retention": `+body+`}`, "", 403).fault(); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
	s.at115("PUT", path, `{"retention": {"days": 30, "count": 1000}}`, "", 200)
	s.limit(`{"execution_days": 5, "executions_per_function": -1}`)
	s.at115("PUT", path, `{"retention": {"days": 6}}`, "", 403)
	s.at115("PUT", path, `{"retention": {"days": 5, "count": 1000000}}`, "", 200)
	s.at115("PUT", path, `{"retention": {"days": 5}}`, "another member", 404)
}

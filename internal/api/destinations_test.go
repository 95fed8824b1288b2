package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// at10 sends a request of microversion 1.10 and checks the status of its answer.
func (s *service) at10(method, path, body string, status int) reply {
	s.t.Helper()
	got := s.send(testRequest{method: method, path: path, body: body, header: map[string]string{
		"OpenStack-API-Version": "function-engine 1.10",
	}})
	if got.status != status {
		s.t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.body, status)
	}
	return got
}

// destinations returns what an answer says of a function's.
func destinations(t *testing.T, got reply) string {
	t.Helper()
	var f struct {
		Success *json.RawMessage `json:"on_success"`
		Failure *json.RawMessage `json:"on_failure"`
	}
	got.decode(t, &f)
	text := func(raw *json.RawMessage) string {
		if raw == nil {
			return "null"
		}
		return string(*raw)
	}
	return text(f.Success) + " " + text(f.Failure)
}

// TestDestinations are set, changed one by one, shown and cleared, by bodies and by forms.
func TestDestinations(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	next, f := s.newFunction(runtime, "next").ID, s.newFunction(runtime, "f").ID
	path := "/v1/functions/" + f
	put := func(body, want string) {
		t.Helper()
		if got := destinations(t, s.at10("PUT", path, body, 200)); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
		if got := destinations(t, s.at10("GET", path, "", 200)); got != want {
			t.Errorf("%s: read %s, want %s", body, got, want)
		}
	}
	put(`{}`, "null null")
	put(`{"on_success": {"function_id": "next"}}`, `{"function_id":"`+next+`","function_version":0} null`)
	s.at10("POST", "/v1/functions/"+next+"/versions", "", 201)
	put(`{"on_failure": {"function_id": "`+next+`", "function_version": "1"}}`,
		`{"function_id":"`+next+`","function_version":0} {"function_id":"`+next+`","function_version":1}`)
	s.do("POST", "/v1/aliases", `{"name": "live", "function_id": "`+f+`"}`, 201)
	put(`{"on_failure": {"function_alias": "live"}, "on_success": {"url": "https://example.org/x?a=<b>", "queue": null}}`,
		`{"url":"https://example.org/x?a=<b>"} {"function_alias":"live"}`)
	put(`{"name": "g"}`, `{"url":"https://example.org/x?a=<b>"} {"function_alias":"live"}`)
	put(`{"on_success": null}`, `null {"function_alias":"live"}`)
	put(`{"on_failure": ""}`, `null null`)

	body, contentType := formOf(
		t, field{"package", zipOf(t, "main.py", "def main(): pass")}, field{"runtime_id", runtime},
		field{"code", `{"source": "package"}`}, field{"on_success", `{"url": "http://example.org:8080"}`},
	)
	at10 := map[string]string{"OpenStack-API-Version": "function-engine 1.10"}
	made := s.send(testRequest{method: "POST", path: "/v1/functions", body: body, contentType: contentType, header: at10})
	if got := destinations(t, made); made.status != 201 || got != `{"url":"http://example.org:8080"} null` {
		t.Errorf("%d %s", made.status, made.body)
	}
	// Before 1.10 there are no such fields.
	s.do("PUT", path, `{"on_success": null}`, 400)
	if got := string(s.do("GET", path, "", 200).body); strings.Contains(got, "on_success") {
		t.Errorf("1.0 shows %s", got)
	}
}

// TestBadDestinations are refused, and say which of the two is wrong and what would be right.
func TestBadDestinations(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	f := s.newFunction(runtime, "f").ID
	foreign, err := s.store.CreateFunction(t.Context(), faas.Function{
		ProjectID: "theirs", RuntimeID: runtime, Code: faas.Code{Source: faas.SourcePackage, SHA256: "0"},
	}, nil)
	s.must(err)
	theirs := foreign.ID
	const kinds = "it must have one of function_id (with or without function_version), function_alias, queue and url."
	for body, want := range map[string]string{
		`{}`: kinds, `{"function_version": 1}`: kinds, `{"url": ""}`: kinds, `{"url": "https://a.org", "queue": "q"}`: kinds,
		`{"function_id": "` + f + `", "function_alias": "a"}`: kinds, `{"url": "https://a.org", "function_version": 1}`: kinds,
		`{"email": "a@example.org"}`: `There is no field "email" here; the fields are function_id`,
		`[]`:                         "must be a JSON object", `"word"`: "must be a JSON object", `7`: "must be a JSON object",
		`{"url": 7}`:                                           "url must be a string",
		`{"url": "ftp://example.org"}`:                         "The URL must begin with https:// or http://.",
		`{"url": "https://me:pw@example.org"}`:                 "The URL must not have a user or a password.",
		`{"url": "http://2130706433/"}`:                        "The URL has a host that is neither a name nor an address",
		`{"url": "http://example.org:25"}`:                     "The URL has a port that is not for HTTP",
		`{"url": "https://` + strings.Repeat("a", 2100) + `"}`: "url must be at most 2048 characters long",
		`{"queue": "a/../b"}`:                                  "queue must be the name of a queue",
		`{"queue": "results"}`:                                 "the function has no roles, and can not send to a queue without them.",
		`{"function_id": "` + unknownID + `"}`:                 "Function " + unknownID + " not found.",
		`{"function_id": "` + theirs + `"}`:                    "Function " + theirs + " not found.",
		`{"function_id": "` + f + `", "function_version": 7}`:  "Version 7 of function",
		`{"function_alias": "none"}`:                           "Function alias none can not be found.",
		`{"function_id": "nobody"}`:                            "nobody",
	} {
		for _, field := range []string{"on_success", "on_failure"} {
			got := s.at10("PUT", "/v1/functions/"+f, `{"`+field+`": `+body+`}`, 400)
			if text := got.fault(); !strings.HasPrefix(text, field+": ") || !strings.Contains(text, want) ||
				strings.Contains(text, "another project") {
				t.Errorf("%s: %s: %s", field, body, text)
			}
		}
	}
}

// TestFollowedExecutions are those that nobody waits for, however they come about.
func TestFollowedExecutions(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	followed := func(id string) bool {
		t.Helper()
		x, err := s.store.Execution(t.Context(), faas.AnyProject(), id)
		s.must(err)
		return x.FollowUp
	}
	execute := func(sync string) bool {
		t.Helper()
		var x executionView
		got := s.at10("POST", "/v1/executions", `{"function_id": "`+f+`", "sync": `+sync+`}`, 201)
		got.decode(t, &x)
		if x.Trigger != nil && *x.Trigger != nil || !strings.Contains(string(got.body), `"trigger_id":null`) {
			t.Errorf("shown is %s", got.body)
		}
		return followed(x.ID)
	}
	if execute("true") || execute("false") {
		t.Error("something follows executions of a function without destinations")
	}
	s.at10("PUT", "/v1/functions/"+f, `{"on_failure": {"url": "https://example.org"}}`, 200)
	if execute("true") || !execute("false") {
		t.Error("something follows a call that somebody waits for, or nothing an asynchronous one")
	}
	if got := string(s.do("POST", "/v1/executions", `{"function_id": "`+f+`", "sync": false}`, 201).body); strings.Contains(got, "trigger_id") {
		t.Errorf("1.0 shows %s", got)
	}
}

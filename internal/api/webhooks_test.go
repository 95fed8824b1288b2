package api

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

var v13Header = map[string]string{request.MicroversionHeader: "function-engine 1.3"}

// newWebhook makes a webhook of the function with further fields, at the microversion that has
// them.
func (s *service) newWebhook(function, rest string) webhookView {
	s.t.Helper()
	got := s.send(testRequest{
		method: "POST", path: "/v1/webhooks", body: `{"function_id": "` + function + `"` + rest + `}`, header: v13Header,
	})
	if got.status != 201 {
		s.t.Fatalf("%d %s", got.status, got.body)
	}
	return decoded[webhookView](s.t, got)
}

// setWebhook changes a webhook at the microversion that has all fields.
func (s *service) setWebhook(id, body string, want int) reply {
	s.t.Helper()
	got := s.send(testRequest{method: "PUT", path: "/v1/webhooks/" + id, body: body, header: v13Header})
	if got.status != want {
		s.t.Fatalf("PUT %s: %d %s, want %d", body, got.status, got.body, want)
	}
	return got
}

func decoded[T any](t testing.TB, got reply) (v T) {
	t.Helper()
	got.decode(t, &v)
	return v
}

// TestWebhooks takes a webhook through its life as a client of v1 does.
func TestWebhooks(t *testing.T) {
	s := newService(t, func(c *Config) { c.PublicEndpoint = "https://cloud:7070" })
	runtime := s.newRuntime()
	f, g := s.newFunction(runtime, "f").ID, s.newFunction(runtime, "g").ID
	answer := s.do("POST", "/v1/webhooks",
		`{"function_id": "`+f+`", "function_version": "0", "function_alias": null, "description": "d"}`, 201)
	made := decoded[webhookView](t, answer)
	if *made.FunctionID != f || *made.FunctionVersion != 0 || made.FunctionAlias != nil || *made.Description != "d" ||
		made.ProjectID != project || made.CreatedAt == nil || made.UpdatedAt != nil {
		t.Errorf("made %s", answer.body)
	}
	if !strings.HasPrefix(*made.WebhookURL, "https://cloud:7070/v1/webhooks/"+made.ID+"/invoke?secret=1.") {
		t.Errorf("the URL is %s", *made.WebhookURL)
	}
	if strings.Contains(string(answer.body), "signature") {
		t.Errorf("a client of 1.0 is shown what it does not know: %s", answer.body)
	}
	path := "/v1/webhooks/" + made.ID
	if got := s.do("GET", path, "", 200); string(got.body) != string(answer.body) {
		t.Errorf("got %s, want %s", got.body, answer.body)
	}
	list := decoded[struct{ Webhooks []json.RawMessage }](t, s.do("GET", "/v1/webhooks", "", 200))
	if len(list.Webhooks) != 1 || string(list.Webhooks[0]) != string(answer.body) {
		t.Errorf("listed %s", list.Webhooks)
	}
	changed := decoded[webhookView](t, s.do("PUT", path,
		`{"function_id": "`+g+`", "function_version": null, "description": null}`, 200))
	if *changed.FunctionID != g || *changed.Description != "d" || *changed.WebhookURL != *made.WebhookURL || changed.UpdatedAt == nil {
		t.Errorf("changed to %+v", changed)
	}
	s.do("DELETE", "/v1/functions/"+f, "", 204)
	if got := s.do("DELETE", "/v1/functions/"+g, "", 409); !strings.Contains(got.fault(), "webhook "+made.ID) {
		t.Errorf("a function in use: %s", got.fault())
	}
	s.do("DELETE", path, "", 204)
	s.do("GET", path, "", 404)
	s.do("DELETE", path, "", 404)
	s.do("DELETE", "/v1/functions/"+g, "", 204)
	for _, said := range []string{"a webhook was created", "a webhook was changed", "a webhook was deleted"} {
		if !strings.Contains(s.logs.String(), said) {
			t.Errorf("the log does not say that %s", said)
		}
	}
}

// TestBadWebhooks has each refusal say what is wrong, and where.
func TestBadWebhooks(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	good := s.newWebhook(f, "")
	for fields, want := range map[string]struct {
		status int
		words  string
	}{
		`{}`:                    {400, "function_id or function_alias is required."},
		`{"function_id": null}`: {400, "function_id or function_alias is required."},
		`{"function_id": 1}`:    {400, "function_id must be a UUID; it is 1."},
		`{"function_id": "x"}`:  {400, "function_id must be a UUID"},
		`{"function_id": "` + faas.NewID() + `"}`:                                                 {404, "not found"},
		`{"function_alias": "none"}`:                                                              {404, "Function alias none can not be found."},
		`{"function_alias": "'; DROP TABLE x; --"}`:                                               {404, "can not be found."},
		`{"function_id": "` + f + `", "function_version": "7"}`:                                   {404, "Version 7 of function " + f},
		`{"function_id": "` + f + `", "function_version": -1}`:                                    {400, "function_version must be from 0"},
		`{"function_id": "` + f + `", "description": "` + strings.Repeat("ü", 256) + `"}`:         {400, "description must be at most 255"},
		`{"function_id": "` + f + `", "webhook_url": "x"}`:                                        {400, `no field "webhook_url" here`},
		`{"function_id": "` + f + `", "signature": "sha1"}`:                                       {400, "signature must be one of none, github, standard; it is \"sha1\"."},
		`{"function_id": "` + f + `", "signature": ""}`:                                           {400, "signature must be one of"},
		`{"function_id": "` + f + `", "signature": true}`:                                         {400, "signature must be a string"},
		`{"function_id": "` + f + `", "signing_secret": "0123456789abcdef"}`:                      {400, "signing_secret is of use only with a signature"},
		`{"function_id": "` + f + `", "signature": "github", "signing_secret": "hunter2"}`:        {400, "signing_secret must be 16 to 255"},
		`{"function_id": "` + f + `", "signature": "standard", "signing_secret": "whsec_hunter"}`: {400, "signing_secret must be whsec_"},
		`{"function_id": "` + f + `", "signature": "standard", "signing_secret": 71043723}`:       {400, "signing_secret must be a string."},
		`{"function_id": "` + f + `", "expires_at": "tomorrow"}`:                                  {400, "expires_at must be a time like"},
		`{"function_id": "` + f + `", "expires_at": "2001-01-01T00:00:00Z"}`:                      {400, "expires_at must be in the future"},
		`{"function_id": "` + f + `", "rate_limit": 6001}`:                                        {400, "rate_limit must be from 0 to 6000"},
		`{"function_id": "` + f + `", "rate_limit": -1}`:                                          {400, "rate_limit must be from 0 to 6000"},
		`{"function_id": "` + f + `", "body": "xml"}`:                                             {400, "body must be one of json, raw"},
		`{"function_id": "` + f + `", "sync": "perhaps"}`:                                         {400, "sync must be true or false"},
	} {
		got := s.send(testRequest{method: "POST", path: "/v1/webhooks", body: fields, header: v13Header})
		if got.status != want.status || !strings.Contains(got.fault(), want.words) {
			t.Errorf("POST %s: %d %s; want %d %s", fields, got.status, got.fault(), want.status, want.words)
		}
		for _, secret := range []string{"hunter", "71043723", "0123456789abcdef"} {
			if strings.Contains(got.fault(), secret) {
				t.Errorf("POST %s: the refusal repeats the secret: %s", fields, got.fault())
			}
		}
		if want.words == "function_id or function_alias is required." {
			continue // nothing is required of a change
		}
		if got = s.send(testRequest{method: "PUT", path: "/v1/webhooks/" + good.ID, body: fields, header: v13Header}); got.status != want.status {
			t.Errorf("PUT %s: %d %s; want %d", fields, got.status, got.fault(), want.status)
		}
	}
	if strings.Contains(s.logs.String(), "hunter") || strings.Contains(s.logs.String(), "71043723") {
		t.Error("the log has a signing secret")
	}
	for _, field := range []string{`"signature": "github"`, `"expires_at": ""`, `"rate_limit": 5`, `"body": "raw"`, `"sync": true`} {
		got := s.do("POST", "/v1/webhooks", `{"function_id": "`+f+`", `+field+`}`, 400) // of 1.0, which knows none of them
		if !strings.Contains(got.fault(), "There is no field") {
			t.Errorf("%s: %s", field, got.fault())
		}
	}
	s.do("POST", "/v1/webhooks/"+good.ID+"/rotate", `{}`, 404) // neither
}

// TestWhoSeesURLs shows a URL to those only who may run the function: it is the right to.
func TestWhoSeesURLs(t *testing.T) {
	s := newService(t)
	made := s.newWebhook(s.newFunction(s.newRuntime(), "f").ID, "")
	for identity, want := range map[string]bool{
		project + " reader": false, project + " member": true, project + " manager": true, project + " admin": true,
	} {
		got := s.send(testRequest{method: "GET", path: "/v1/webhooks/" + made.ID, identity: identity})
		if shown := decoded[webhookView](t, got).WebhookURL != nil; got.status != 200 || shown != want {
			t.Errorf("to %s the URL is shown: %v, want %v", identity, shown, want)
		}
		got = s.send(testRequest{method: "GET", path: "/v1/webhooks", identity: identity})
		if shown := strings.Contains(string(got.body), "secret="); got.status != 200 || shown != want {
			t.Errorf("to %s the list shows the URL: %v, want %v", identity, shown, want)
		}
	}
	got := s.send(testRequest{method: "GET", path: "/v1/webhooks?all_projects=true", identity: "p-two admin"})
	if !strings.Contains(string(got.body), made.ID) || strings.Contains(string(got.body), "secret=") {
		t.Errorf("an administrator of another project: %d %s", got.status, got.body)
	}
	got = s.send(testRequest{method: "GET", path: "/v1/webhooks/" + made.ID, identity: "p-two admin"})
	if got.status != 200 || strings.Contains(string(got.body), "secret=") {
		t.Errorf("one webhook, to an administrator of another project: %d %s", got.status, got.body)
	}
	for _, r := range []testRequest{
		{method: "POST", path: "/v1/webhooks", body: `{"function_id": "` + *made.FunctionID + `"}`},
		{method: "PUT", path: "/v1/webhooks/" + made.ID, body: `{"description": "x"}`},
		{method: "POST", path: "/v1/webhooks/" + made.ID + "/rotate", body: `{}`},
		{method: "DELETE", path: "/v1/webhooks/" + made.ID},
	} {
		r.header, r.identity = v13Header, project+" reader"
		if got := s.send(r); got.status != 403 {
			t.Errorf("%s %s by a reader: %d %s", r.method, r.path, got.status, got.body)
		}
		r.identity = "p-two member"
		if got := s.send(r); got.status != 404 {
			t.Errorf("%s %s by another project: %d %s", r.method, r.path, got.status, got.body)
		}
		r.identity = "p-two admin"
		if got := s.send(r); r.path != "/v1/webhooks" && got.status != 403 {
			t.Errorf("%s %s by an administrator of another project: %d %s", r.method, r.path, got.status, got.body)
		}
	}
}

// TestWebhookQuota counts the webhooks of a project.
func TestWebhookQuota(t *testing.T) {
	s := newService(t, withQuotas)
	f := s.newFunction(s.newRuntime(), "f").ID
	s.limit(`{"webhooks": 1}`)
	made := s.newWebhook(f, "")
	got := s.do("POST", "/v1/webhooks", `{"function_id": "`+f+`"}`, 403)
	if !strings.Contains(got.fault(), "Quota exceeded for webhooks: limit 1, in use 1.") {
		t.Errorf("got %s", got.fault())
	}
	if used := s.used()[faas.ResourceWebhooks].Used; used != 1 {
		t.Errorf("in use are %d", used)
	}
	s.do("DELETE", "/v1/webhooks/"+made.ID, "", 204)
	s.do("POST", "/v1/webhooks", `{"function_id": "`+f+`"}`, 201)
}

// TestSettingsOfWebhooks sets every field, has null leave it, and sets it back.
func TestSettingsOfWebhooks(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	made := s.newWebhook(f, `, "signature": "standard", "expires_at": "2999-01-02T03:04:05+01:00", "rate_limit": "60", "body": "raw", "sync": "true"`)
	is := func(v webhookView, signature, expires, body string, limit int64, sync bool) {
		t.Helper()
		if v.Signature != signature || v.Body != body || v.Sync != sync || fields.ValueOr(v.ExpiresAt, "") != expires || fields.ValueOr(v.RateLimit, 0) != limit {
			text, _ := json.Marshal(v)
			t.Errorf("got %s", text)
		}
	}
	is(made, "standard", "2999-01-02 02:04:05.000000", "raw", 60, true)
	if made.SigningSecret == nil || !strings.HasPrefix(*made.SigningSecret, "whsec_") {
		t.Errorf("the secret that was made is shown as %v", made.SigningSecret)
	}
	same := decoded[webhookView](t, s.setWebhook(made.ID,
		`{"signature": null, "signing_secret": null, "expires_at": null, "rate_limit": null, "body": null, "sync": null}`, 200))
	is(same, "standard", "2999-01-02 02:04:05.000000", "raw", 60, true)
	if same.SigningSecret != nil {
		t.Error("the secret is shown again")
	}
	other := decoded[webhookView](t, s.setWebhook(made.ID, `{"signature": "github"}`, 200))
	if other.SigningSecret == nil || *other.SigningSecret == *made.SigningSecret {
		t.Error("another scheme has the secret of the one before, or none")
	}
	none := decoded[webhookView](t, s.setWebhook(made.ID,
		`{"signature": "none", "expires_at": "", "rate_limit": 0, "body": "json", "sync": false}`, 200))
	is(none, "none", "", "json", 0, false)
	row, err := s.store.Webhook(t.Context(), faas.AnyProject(), made.ID)
	if s.must(err); row.SigningSecret != "" {
		t.Error("the secret is kept although nobody signs")
	}
}

// TestRotation replaces the URL of a webhook, at once and with an overlap.
func TestRotation(t *testing.T) {
	clock := &fakeClock{}
	s := newService(t, func(c *Config) { c.Now = clock.now })
	made := s.newWebhook(s.newFunction(s.newRuntime(), "f").ID, "")
	first := s.hook(made)
	rotate := func(body string, want int) webhookView {
		t.Helper()
		got := s.send(testRequest{method: "POST", path: "/v1/webhooks/" + made.ID + "/rotate", body: body, header: v13Header})
		if got.status != want {
			t.Fatalf("%s: %d %s, want %d", body, got.status, got.body, want)
		}
		return decoded[webhookView](t, got)
	}
	rotate(`{"overlap": -1}`, 400)
	rotate(`{"overlap": "never"}`, 400)
	rotate(`{"signing_secret": "0123456789abcdef"}`, 400)
	after := rotate(`{"overlap": "60"}`, 200)
	second := s.hook(after)
	if after.PreviousUntil == nil || second.url == first.url {
		t.Fatalf("rotated to %+v", after)
	}
	first.call(`{}`, 202)
	second.call(`{}`, 202)
	clock.pass(61)
	first.call(`{}`, 404)
	second.call(`{}`, 202)
	third := s.hook(rotate(`{}`, 200))
	second.call(`{}`, 404)
	third.call(`{}`, 202)
	if shown := decoded[webhookView](t, s.do("GET", "/v1/webhooks/"+made.ID, "", 200)); *shown.WebhookURL != third.full {
		t.Errorf("shown is %s, want %s", *shown.WebhookURL, third.full)
	}
	parsed, err := url.Parse(third.full)
	if s.must(err); !strings.HasPrefix(parsed.Query().Get("secret"), "3.") {
		t.Errorf("the third URL is %s", third.full)
	}
}

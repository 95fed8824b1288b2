package api

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
)

// fakeClock is the time of an API that the test moves.
type fakeClock struct{ seconds atomic.Int64 }

func (c *fakeClock) now() time.Time { return time.Unix(1_900_000_000+c.seconds.Load(), 0) }

func (c *fakeClock) pass(seconds int64) { c.seconds.Add(seconds) }

// hooked is a webhook as its callers know it.
type hooked struct {
	s    *service
	id   string
	full string // the URL
	url  string // its path and query string
}

func (s *service) hook(w webhookView) hooked {
	s.t.Helper()
	u, err := url.Parse(*w.WebhookURL)
	s.must(err)
	return hooked{s, w.ID, *w.WebhookURL, u.RequestURI()}
}

// call calls the webhook with JSON, as somebody without a token.
func (h hooked) call(body string, want int, header ...string) reply {
	h.s.t.Helper()
	return h.post(h.url, "application/json", body, want, header...)
}

func (h hooked) post(path, contentType, body string, want int, header ...string) reply {
	h.s.t.Helper()
	r := testRequest{method: "POST", path: path, body: body, contentType: contentType, identity: "none", header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		r.header[header[i]] = header[i+1]
	}
	got := h.s.send(r)
	if got.status != want {
		h.s.t.Errorf("a call with %.200s: %d %s, want %d", body, got.status, got.body, want)
	}
	return got
}

// execution returns the record of the execution that an answer names.
func (h hooked) execution(got reply) faas.Execution {
	h.s.t.Helper()
	id := decoded[struct {
		ID string `json:"execution_id"`
	}](h.s.t, got).ID
	x, err := h.s.store.Execution(h.s.t.Context(), faas.AnyProject(), id)
	h.s.must(err)
	return x
}

// executions returns how many executions there are of all projects.
func (s *service) executions() int {
	s.t.Helper()
	page, err := s.store.Executions(s.t.Context(), faas.AnyProject(), faas.Query{Limit: 10_000})
	s.must(err)
	return len(page.Items)
}

// TestAWebhookIsCalled has what comes in each form become the input of an execution.
func TestAWebhookIsCalled(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	h := s.hook(s.newWebhook(f, ""))
	x := h.execution(h.call(`{"name": "Ada"}`, 202))
	if x.FunctionID != f || x.ProjectID != project || x.Sync || x.Status != faas.ExecutionQueued || x.Input != `{"name":"Ada"}` ||
		x.Description != "Created by Webhook "+h.id || x.UserID != "webhook:"+h.id || x.RequestID == "" {
		t.Errorf("recorded %+v", x)
	}
	if id := await(t, s.queued); id != x.ID {
		t.Errorf("queued is %s", id)
	}
	const form, json = "application/x-www-form-urlencoded", "application/json"
	for _, c := range []struct {
		query, contentType, body string
		status                   int
		input                    string
	}{
		{"", form, "name=qinling", 202, `{"name":"qinling"}`},
		{"", form, "a=1&a=2&b=%3C%C3%BC", 202, `{"a":["1","2"],"b":"\u003cü"}`},
		{"", form, "payload=%7B%7D", 202, `{"payload":"{}"}`},
		{"", "application/cloudevents+json; charset=utf-8", `{"id":"1"}`, 202, `{"id":"1"}`},
		{"", "", `{"x": 1}`, 202, `{"x":1}`},
		{"", json, "", 202, ""},
		{"", "", "", 202, ""},
		{"&name=Ada&n=1", json, `{"n": 2}`, 202, `{"n":2,"name":"Ada"}`},
		{"&name=Ada", "", "", 202, `{"name":"Ada"}`},
		{"", json, `["a"]`, 400, "The body must be a JSON object; it is other JSON."},
		{"", json, `null`, 400, "it is other JSON"},
		{"", json, `"x"`, 400, "it is other JSON"},
		{"", json, `{"x"`, 400, "The body must be a JSON object: unexpected end"},
		{"", json, "{\"x\": \"\xff\"}", 400, "The body must be UTF-8."},
		{"", json, `{"x":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, 400, "nested deeper than 200 levels"},
		{"", json, `{"x": "` + strings.Repeat("x", 1<<20) + `"}`, 413, "The input must be at most 1048576 bytes"},
		{"", json, strings.Repeat(" ", 3<<20), 413, "The body is larger than"},
		{"", form, "a=%zz", 400, "The form in the body is malformed."},
		{"", "text/xml", "<x/>", 415, "it is text/xml"},
		{"", "multipart/form-data; boundary=x", "--x--", 415, "it is multipart/form-data"},
		{"", "a;b;c", "{}", 415, "malformed"},
		{"&sync=true", json, "{}", 400, "This webhook does not tell results"},
		{"&sync=maybe", json, "{}", 400, "sync must be true or false"},
		{"&sync=false", json, `{"x":1}`, 202, `{"x":1}`},
	} {
		got := h.post(h.url+c.query, c.contentType, c.body, c.status)
		if c.status != 202 && !strings.Contains(got.fault(), c.input) {
			t.Errorf("%s %.60q is refused with %q, want %q", c.contentType, c.body, got.fault(), c.input)
		}
		if c.status == 202 && got.status == 202 && h.execution(got).Input != c.input {
			t.Errorf("%s %.60q becomes %s, want %s", c.contentType, c.body, h.execution(got).Input, c.input)
		}
	}
}

// TestAWebhookCallsAVersion has a webhook that is of a version call that, whatever the function is now.
func TestAWebhookCallsAVersion(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	s.newVersion(f)
	s.changePackage(f, "def main(): return 2")
	w := s.newWebhook(f, `, "function_version": "1", "sync": true`)
	h, called := s.hook(w), s.targets()
	x := h.execution(h.call(`{}`, 202))
	if *w.FunctionVersion != 1 || x.FunctionID != f || x.FunctionVersion != 1 {
		t.Errorf("the webhook of version %d recorded %+v", *w.FunctionVersion, x)
	}
	h.post(h.url+"&sync=true", "", "", 200)
	if target := await(t, called); target.Key.Version != 1 {
		t.Errorf("called is %+v", target)
	}
	if got := s.do("DELETE", "/v1/functions/"+f+"/versions/1", "", 409); !strings.Contains(got.fault(), "webhook "+h.id) {
		t.Errorf("a version in use: %s", got.fault())
	}
}

// TestRawBodies hands requests on as they came, whatever they are, and without what proves to others
// who the sender is.
func TestRawBodies(t *testing.T) {
	s := newService(t)
	h := s.hook(s.newWebhook(s.newFunction(s.newRuntime(), "f").ID, `, "body": "raw"`))
	type raw struct {
		Body        string
		Base64      bool
		ContentType string `json:"content_type"`
		Headers     map[string]string
		Query       map[string]any
	}
	got := h.post(h.url+"&a=1", "text/xml", "<ü/>", 202, "X-GitHub-Event", "push", "Authorization", "Basic eA==", "Cookie", "c=1",
		"X-Auth-Token", "token")
	input := decoded[raw](t, reply{body: []byte(h.execution(got).Input)})
	if input.Body != "<ü/>" || input.Base64 || input.ContentType != "text/xml" || input.Headers["x-github-event"] != "push" ||
		len(input.Query) != 1 || input.Query["a"] != "1" {
		t.Errorf("handed on is %+v", input)
	}
	for _, name := range []string{"authorization", "cookie", "x-auth-token"} {
		if input.Headers[name] != "" {
			t.Errorf("%s is handed on", name)
		}
	}
	got = h.post(h.url, "application/octet-stream", "\xff\x00", 202)
	if input = decoded[raw](t, reply{body: []byte(h.execution(got).Input)}); !input.Base64 || input.Body != "/wA=" || input.Query == nil {
		t.Errorf("handed on is %+v", input)
	}
}

// TestASynchronousWebhook answers with what the function returns, where its owner lets it.
func TestASynchronousWebhook(t *testing.T) {
	s := newService(t)
	h := s.hook(s.newWebhook(s.newFunction(s.newRuntime(), "f").ID, `, "sync": true`))
	got := h.post(h.url+"&sync=true", "application/json", `{"challenge": "ü"}`, 200)
	if string(got.body) != `{"challenge":"ü"}` || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("answered %s %v", got.body, got.header)
	}
	x, err := s.store.Execution(t.Context(), faas.OneProject(project), got.header.Get("X-Faas-Execution-Id"))
	if err != nil || !x.Sync || x.Status != faas.ExecutionSuccess {
		t.Errorf("recorded %+v, %v", x, err)
	}
	s.answer(func(ctx context.Context, _ faas.Target, _ faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		return faas.Outcome{Status: faas.ExecutionFailed, Output: faas.TextOutput("a traceback")}, begin(ctx)
	})
	got = h.post(h.url+"&sync=true", "application/json", `{}`, 502)
	if !strings.Contains(got.fault(), "The function failed") || strings.Contains(got.fault(), "traceback") {
		t.Errorf("a function that fails: %s", got.fault())
	}
	h.call(`{}`, 202)
}

// TestStrangersLearnNothing has every URL that leads nowhere answered alike, without a look at the
// database: it is closed meanwhile.
func TestStrangersLearnNothing(t *testing.T) {
	s := newService(t)
	f := s.newFunction(s.newRuntime(), "f").ID
	h, other := s.hook(s.newWebhook(f, "")), s.hook(s.newWebhook(f, ""))
	s.must(s.store.Close())
	path, secret, _ := strings.Cut(h.url, "?secret=")
	_, foreign, _ := strings.Cut(other.url, "?secret=")
	answers := map[string]bool{}
	for _, try := range []string{
		path, path + "?secret=", path + "?secret=x", path + "?secret=" + foreign, path + "?secret=" + secret[:len(secret)-1],
		path + "?secret=2" + secret[1:], path + "?secret=" + secret + "&secret=" + secret, path + "?Secret=" + secret,
		path + "?secret=" + secret + "%00", path + "?secret=%zz",
		"/v1/webhooks/" + faas.NewID() + "/invoke?secret=" + secret, "/v1/webhooks/x/invoke?secret=" + secret,
		"/v1/webhooks/%27%20OR%201=1/invoke?secret=" + secret,
	} {
		got := h.post(try, "application/json", `{}`, 404)
		_, message, _ := strings.Cut(got.fault(), ": ")
		answers[message] = true
	}
	if len(answers) != 1 {
		t.Errorf("there are %d answers: %v", len(answers), answers)
	}
	h.call(`{}`, 503) // it does look for what is right, or the test shows nothing
}

// TestGoneWebhooks answers those who have the URL of a webhook that was deleted, has expired or was
// given another URL like strangers.
func TestGoneWebhooks(t *testing.T) {
	clock := &fakeClock{}
	s := newService(t, func(c *Config) { c.Now = clock.now })
	f := s.newFunction(s.newRuntime(), "f").ID
	deleted, expiring := s.hook(s.newWebhook(f, "")), s.hook(s.newWebhook(f, `, "expires_at": "`+clock.now().Add(time.Minute).UTC().Format(time.RFC3339)+`"`))
	stranger := expiring.post("/v1/webhooks/"+faas.NewID()+"/invoke", "", "", 404).fault()
	deleted.call(`{}`, 202)
	expiring.call(`{}`, 202)
	s.do("DELETE", "/v1/webhooks/"+deleted.id, "", 204)
	clock.pass(60)
	for what, h := range map[string]hooked{"deleted": deleted, "expired": expiring} {
		for range 3 {
			if got := h.call(`{}`, 404).fault(); got != stranger {
				t.Errorf("%s: %q, want %q", what, got, stranger)
			}
		}
	}
	for _, why := range []string{"it has expired", "it was deleted", "it was gone a moment ago"} {
		if !strings.Contains(s.logs.String(), why) {
			t.Errorf("the log does not say that %s", why)
		}
	}
	s.setWebhook(expiring.id, `{"expires_at": ""}`, 200)
	expiring.call(`{}`, 202) // at once, although it was found to be gone a moment ago
	if n := s.executions(); n != 3 {
		t.Errorf("%d executions, want 3", n)
	}
}

// TestAFloodCostsNoReads refuses what is too much before the database is read: it is closed
// meanwhile.
func TestAFloodCostsNoReads(t *testing.T) {
	clock := &fakeClock{}
	s := newService(t, func(c *Config) { c.Now, c.WebhookCalls = clock.now, 10 })
	f := s.newFunction(s.newRuntime(), "f").ID
	all, own := s.hook(s.newWebhook(f, "")), s.hook(s.newWebhook(f, `, "rate_limit": 3`))
	flood := func(h hooked, want int) {
		t.Helper()
		accepted := 0
		for range want {
			h.call(`{}`, 202)
		}
		for range 50 {
			got := s.send(testRequest{method: "POST", path: h.url, body: `{}`, identity: "none"})
			if got.status == 202 {
				accepted++
			} else if got.status != 429 || got.header.Get("Retry-After") == "" {
				t.Errorf("a flood: %d %s", got.status, got.body)
			}
		}
		if accepted > 0 {
			t.Errorf("%d more than %d were accepted", accepted, want)
		}
	}
	flood(all, 10)
	flood(own, 3)
	if n := s.executions(); n != 13 {
		t.Errorf("%d executions, want 13", n)
	}
	clock.pass(60)
	all.call(`{}`, 202)
	own.call(`{}`, 202)
	s.must(s.store.Close())
	for range 9 {
		all.call(`{}`, 503) // there is room for these
	}
	for range 20 {
		all.call(`{}`, 429)
	}
}

// TestManyCalls has a thousand calls, twenty at a time, and none lost.
func TestManyCalls(t *testing.T) {
	s := newService(t)
	h := s.hook(s.newWebhook(s.newFunction(s.newRuntime(), "f").ID, ""))
	const calls, atOnce = 1000, 20
	s.queued = make(chan string, calls)
	var mu sync.Mutex
	ids, next := map[string]bool{}, atomic.Int64{}
	var callers sync.WaitGroup
	for range atOnce {
		callers.Go(func() {
			for n := next.Add(1); n <= calls; n = next.Add(1) {
				got := h.call(`{"n": `+strconv.FormatInt(n, 10)+`}`, 202)
				id := decoded[map[string]string](t, got)["execution_id"]
				mu.Lock()
				ids[id] = true
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	if n := s.executions(); len(ids) != calls || n != calls {
		t.Errorf("%d were answered and %d recorded, want %d", len(ids), n, calls)
	}
}

// TestWebhooksAreWithinTheirProject counts what a webhook causes for its project, by its limits, and
// lets policy refuse it.
func TestWebhooksAreWithinTheirProject(t *testing.T) {
	s := newService(t, withQuotas)
	h := s.hook(s.newWebhook(s.newFunction(s.newRuntime(), "f").ID, ""))
	s.limit(`{"calls_per_minute": 2}`)
	h.call(`{}`, 202)
	h.call(`{}`, 202)
	if got := h.call(`{}`, 429); !strings.Contains(got.fault(), "calls_per_minute") {
		t.Errorf("over the quota: %s", got.fault())
	}
	refused := newService(t, func(c *Config) {
		var err error
		if c.Policy, err = policy.New(t.Context(), policy.Options{Dirs: []string{overrides(t, "webhook:invoke: []\n")}}); err != nil {
			t.Fatal(err)
		}
	})
	h = refused.hook(refused.newWebhook(refused.newFunction(refused.newRuntime(), "f").ID, ""))
	if got := h.call(`{}`, 403); !strings.Contains(got.fault(), "Operation not allowed: policy rule webhook:invoke.") {
		t.Errorf("policy: %s", got.fault())
	}
}

// TestNoLogHasSecrets reads the log of whatever can go wrong with a webhook.
func TestNoLogHasSecrets(t *testing.T) {
	s := newService(t)
	w := s.newWebhook(s.newFunction(s.newRuntime(), "f").ID, `, "signature": "github"`)
	h := s.hook(w)
	h.call(`{}`, 403)
	h.post(h.url+"&sync=true", "", "", 403)
	s.send(testRequest{method: "GET", path: h.url, identity: "none"})
	s.send(testRequest{method: "POST", path: strings.Replace(h.url, "/invoke", "/invoke/", 1), identity: "none"})
	s.send(testRequest{method: "POST", path: h.url + "x", identity: "none"})
	s.setWebhook(w.ID, `{"signature": "none"}`, 200)
	h.call(`{}`, 202)
	h.call(`{`, 400)
	s.must(s.store.Close())
	h.call(`{}`, 503)
	_, secret, _ := strings.Cut(h.url, "secret=")
	log := s.logs.String()
	for _, text := range []string{secret, secret[2:20], *w.SigningSecret} {
		if strings.Contains(log, text) {
			t.Errorf("the log has %s", text)
		}
	}
	if !strings.Contains(log, "path=/v1/webhooks/"+w.ID+"/invoke ") || !strings.Contains(log, "user_id=webhook:"+w.ID) {
		t.Error("the log does not say which webhook was called")
	}
}

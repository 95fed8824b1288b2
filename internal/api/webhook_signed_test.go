package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// overrides makes a folder with an operator's rules.
func overrides(t *testing.T, rules string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "site.yaml"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func macOf(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// github signs as GitHub does.
func github(secret, body string) []string {
	return []string{"X-Hub-Signature-256", "sha256=" + hex.EncodeToString(macOf([]byte(secret), body))}
}

// standard signs as the specification of Standard Webhooks says.
func standard(secret, id string, at int64, body string) []string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	stamp := strconv.FormatInt(at, 10)
	code := base64.StdEncoding.EncodeToString(macOf(key, id+"."+stamp+"."+body))
	return []string{"webhook-id", id, "webhook-timestamp", stamp, "webhook-signature", "v1," + code}
}

// TestSignedWebhooks takes what is signed, and no forgery or replay of it.
func TestSignedWebhooks(t *testing.T) {
	clock := &fakeClock{}
	s := newService(t, func(c *Config) { c.Now = clock.now })
	f := s.newFunction(s.newRuntime(), "f").ID
	const body = `{"amount": 1}`
	g := s.newWebhook(f, `, "signature": "github"`)
	hub := s.hook(g)
	hub.call(body, 202, github(*g.SigningSecret, body)...)
	refusal := hub.call(body, 403).fault()
	for what, got := range map[string]reply{
		"another secret": hub.call(body, 403, github("0123456789abcdef", body)...),
		"another body":   hub.call(`{"amount": 1000}`, 403, github(*g.SigningSecret, body)...),
		"the other way":  hub.call(body, 403, standard(*g.SigningSecret, "m", clock.now().Unix(), body)...),
	} {
		if got.fault() != refusal {
			t.Errorf("%s: the refusal tells: %s", what, got.fault())
		}
	}
	w := s.newWebhook(f, `, "signature": "standard"`)
	h, sent := s.hook(w), clock.now().Unix()
	signed := standard(*w.SigningSecret, "msg_1", sent, body)
	h.call(body, 202, signed...)
	clock.pass(299)
	h.call(body, 202, signed...) // what is sent again in time is taken: the sender may not have had the answer
	clock.pass(2)
	if got := h.call(body, 403, signed...); got.fault() != refusal {
		t.Errorf("a replay: the refusal tells: %s", got.fault())
	}
	h.call(body, 403, "webhook-id", "msg_1", "webhook-timestamp", strconv.FormatInt(clock.now().Unix(), 10), "webhook-signature", signed[5])
	h.call(body, 403, standard(*w.SigningSecret, "msg_2", clock.now().Unix()+301, body)...)
	h.post(h.url+"&amount=1000", "application/json", body, 400, standard(*w.SigningSecret, "msg_3", clock.now().Unix(), body)...)
	if n := s.executions(); n != 3 {
		t.Errorf("%d executions, want 3", n)
	}
}

// TestForgeriesUseNothingUp has a webhook's own limit count signed calls only.
func TestForgeriesUseNothingUp(t *testing.T) {
	clock := &fakeClock{}
	s := newService(t, func(c *Config) { c.Now = clock.now })
	w := s.newWebhook(s.newFunction(s.newRuntime(), "f").ID, `, "signature": "github", "rate_limit": 2`)
	h := s.hook(w)
	for range 20 {
		h.call(`{}`, 403, github("0123456789abcdef", `{}`)...)
	}
	h.call(`{}`, 202, github(*w.SigningSecret, `{}`)...)
	h.call(`{}`, 202, github(*w.SigningSecret, `{}`)...)
	h.call(`{}`, 429, github(*w.SigningSecret, `{}`)...)
}

// TestSigningSecretsAreReplaced has both secrets hold while they overlap.
func TestSigningSecretsAreReplaced(t *testing.T) {
	clock := &fakeClock{}
	s := newService(t, func(c *Config) { c.Now = clock.now })
	const own, body = "a secret of the owner's", `{}`
	w := s.newWebhook(s.newFunction(s.newRuntime(), "f").ID, `, "signature": "github", "signing_secret": "`+own+`"`)
	if *w.SigningSecret != own {
		t.Errorf("the secret is %s", *w.SigningSecret)
	}
	s.hook(w).call(body, 202, github(own, body)...)
	got := s.send(testRequest{method: "POST", path: "/v1/webhooks/" + w.ID + "/rotate", body: `{"overlap": 60}`, header: v13Header})
	rotated := decoded[webhookView](t, got)
	fresh := *rotated.SigningSecret
	for _, h := range []hooked{s.hook(w), s.hook(rotated)} {
		h.call(body, 202, github(own, body)...)
		h.call(body, 202, github(fresh, body)...)
	}
	clock.pass(61)
	h := s.hook(rotated)
	h.call(body, 403, github(own, body)...)
	h.call(body, 202, github(fresh, body)...)
	const third = "a third secret 0123"
	s.setWebhook(w.ID, `{"signing_secret": "`+third+`"}`, 200)
	h.call(body, 403, github(fresh, body)...)
	h.call(body, 202, github(third, body)...)
	row, err := s.store.Webhook(t.Context(), faas.AnyProject(), w.ID)
	if s.must(err); strings.Contains(row.SigningSecret+row.PreviousKey, "secret") {
		t.Errorf("the database has it as %s", row.SigningSecret)
	}
}

// TestRefusalsCostNothing has calls refused again and again that have a wrong signature, are of a
// webhook that has expired, or are too many. After the first there is no statement: the database is
// closed.
func TestRefusalsCostNothing(t *testing.T) {
	clock := &fakeClock{}
	s := newService(t, func(c *Config) { c.Now, c.WebhookCalls = clock.now, 6000 })
	f, body := s.newFunction(s.newRuntime(), "f").ID, `{}`
	w := s.newWebhook(f, `, "signature": "github"`)
	signed, open := s.hook(w), s.hook(s.newWebhook(f, ""))
	expired := s.hook(s.newWebhook(f, `, "expires_at": "`+clock.now().Add(time.Minute).UTC().Format(time.RFC3339)+`"`))
	flooded := s.hook(s.newWebhook(f, `, "rate_limit": 1`))
	clock.pass(60)
	forgery, genuine := github("0123456789abcdef", body), github(*w.SigningSecret, body)
	signed.call(body, 403, forgery...)
	signed.call(body, 202, genuine...)
	expired.call(body, 404)
	flooded.call(body, 202)
	s.must(s.store.Close())
	for range 100 {
		signed.call(body, 403, forgery...)
		expired.call(body, 404)
		flooded.call(body, 429)
	}
	signed.call(body, 503, genuine...) // whoever is right is looked up
	open.call(body, 503)
	clock.pass(1)
	signed.call(body, 503, forgery...) // and so is the next forgery, a moment later
}

// TestForgeriesKeepNothing has a webhook that was forged a moment ago changed and deleted: what was
// remembered of it is not gone by.
func TestForgeriesKeepNothing(t *testing.T) {
	clock := &fakeClock{}
	s := newService(t, func(c *Config) { c.Now = clock.now })
	f, body := s.newFunction(s.newRuntime(), "f").ID, `{}`
	w := s.newWebhook(f, `, "signature": "github"`)
	h := s.hook(w)
	const fresh = "another secret of 0123"
	h.call(body, 403, github(fresh, body)...)
	s.setWebhook(w.ID, `{"signing_secret": "`+fresh+`"}`, 200)
	h.call(body, 202, github(fresh, body)...)
	h.call(body, 403, github(*w.SigningSecret, body)...)
	rotated := s.send(testRequest{method: "POST", path: "/v1/webhooks/" + w.ID + "/rotate", body: `{}`, header: v13Header})
	h.call(body, 404, github("0123456789abcdef", body)...)
	next := s.hook(decoded[webhookView](t, rotated))
	next.call(body, 403, github(fresh, body)...)
	s.do("DELETE", "/v1/webhooks/"+w.ID, "", 204)
	next.call(body, 404, github(fresh, body)...)

	// What another API has changed is found by whoever is right.
	w = s.newWebhook(f, `, "signature": "github"`)
	h = s.hook(w)
	h.call(body, 403, github(fresh, body)...)
	_, err := s.store.DeleteWebhook(t.Context(), faas.AnyProject(), w.ID)
	s.must(err)
	h.call(body, 403, github(fresh, body)...)
	h.call(body, 404, github(*w.SigningSecret, body)...)
}

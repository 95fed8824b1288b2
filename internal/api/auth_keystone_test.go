package api

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/api/auth"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// testClock is time that a test moves.
type testClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *testClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

const keystoneURI = "http://keystone.example.org:5000/v3"

// newAuthenticated is a service that asks a Keystone of the test's.
func newAuthenticated(t *testing.T, change ...func(*auth.Keystone)) (*service, *testkit.FakeKeystone, *testClock) {
	t.Helper()
	clock := &testClock{t: time.Now()}
	fake := testkit.NewFakeKeystone(t, clock.now)
	client, err := keystone.New(keystone.Config{
		AuthURL: fake.URL, Username: "faas", Password: fake.Password, Project: "service",
		CacheTime: time.Minute, OutageTime: time.Hour, Now: clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	who := &auth.Keystone{Client: client, ServiceRoles: []string{"service"}, RolesMust: true}
	for _, c := range change {
		c(who)
	}
	return newService(t, func(cfg *Config) { cfg.Auth, cfg.AuthURI = who, keystoneURI }), fake, clock
}

// as asks for the list of functions with the tokens of a user and of a service; "" for none.
func (s *service) as(user, service string) reply {
	s.t.Helper()
	header := map[string]string{}
	if user != "" {
		header["X-Auth-Token"] = user
	}
	if service != "" {
		header["X-Service-Token"] = service
	}
	return s.send(testRequest{method: "GET", path: "/v1/functions", header: header})
}

var reader = testkit.FakeToken{User: "u", Project: "p", Roles: []string{"reader"}}

// TestTokens has each kind of token that a caller may come with.
func TestTokens(t *testing.T) {
	s, fake, _ := newAuthenticated(t)
	fake.Issue("reader", reader)
	fake.Issue("unscoped", testkit.FakeToken{User: "u"})
	fake.Issue("nobody", testkit.FakeToken{User: "u", Project: "p", Roles: []string{"load-balancer_observer"}})
	fake.Issue(
		"other",
		testkit.FakeToken{User: "u", Project: "p", Roles: []string{"reader"}, AppCredential: map[string]any{"id": "c",
			"access_rules": []any{map[string]any{"service": "function-engine", "method": "GET", "path": "/v1/runtimes"}}}},
	)
	fake.Issue(
		"rules",
		testkit.FakeToken{User: "u", Project: "p", Roles: []string{"reader"}, AppCredential: map[string]any{"id": "c",
			"access_rules": []any{map[string]any{"service": "function-engine", "method": "GET", "path": "/v1/functions"}}}},
	)
	for token, want := range map[string]struct {
		status int
		says   string
	}{
		"":         {401, "X-Auth-Token"},
		"made-up":  {401, "not valid"},
		"unscoped": {401, "unscoped"},
		"other":    {401, "access rules"},
		"nobody":   {403, "function:get_all"},
		"rules":    {200, ""},
		"reader":   {200, ""},
	} {
		got := s.as(token, "")
		if got.status != want.status || !strings.Contains(got.fault(), want.says) {
			t.Errorf("%q: %d %s", token, got.status, got.body)
		}
		challenge := got.header.Get("WWW-Authenticate")
		if (got.status == 401) != (challenge == `Keystone uri="`+keystoneURI+`"`) {
			t.Errorf("%q: %d with WWW-Authenticate %q", token, got.status, challenge)
		}
	}
	if got := s.send(testRequest{method: "GET", path: "/"}); got.status != 200 { // open to all
		t.Errorf("discovery without a token: %d", got.status)
	}
}

// TestKeystoneAway lets those go on who are known.
func TestKeystoneAway(t *testing.T) {
	s, fake, clock := newAuthenticated(t)
	fake.Issue("known", reader)
	fake.Issue("unknown", reader)
	if got := s.as("known", ""); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	clock.pass(2 * time.Minute)
	fake.Cut(true)
	if got := s.as("known", ""); got.status != 200 {
		t.Errorf("known: %d %s", got.status, got.body)
	}
	got := s.as("unknown", "")
	if got.status != 503 || got.header.Get("Retry-After") != "2" || !strings.Contains(got.fault(), "Keystone") {
		t.Errorf("unknown: %d %s %s", got.status, got.header, got.body)
	}
}

// TestKeystoneMetrics checks the metrics of requests to Keystone.
func TestKeystoneMetrics(t *testing.T) {
	var who *auth.Keystone
	s, fake, _ := newAuthenticated(t, func(k *auth.Keystone) { who = k })
	registry := prometheus.NewRegistry()
	who.Register(registry)
	fake.Issue("known", reader)
	s.as("known", "")
	s.as("known", "")
	s.as("made-up", "")
	found, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range found {
		m := family.GetMetric()[0]
		got[family.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	for name, want := range map[string]float64{
		"faas_keystone_remembered_total": 1, "faas_keystone_requests_total": 3, "faas_keystone_refused_total": 1, "faas_keystone_tokens": 1,
		"faas_keystone_failures_total": 0, "faas_keystone_outage_total": 0,
	} {
		if got[name] != want {
			t.Errorf("%s is %g, want %g", name, got[name], want)
		}
	}
}

// TestIdentity is what the rest of the service hears of a caller.
func TestIdentity(t *testing.T) {
	_, fake, clock := newAuthenticated(t)
	client, err := keystone.New(
		keystone.Config{AuthURL: fake.URL, Username: "faas", Password: fake.Password, Project: "service", Now: clock.now},
	)
	if err != nil {
		t.Fatal(err)
	}
	who := &auth.Keystone{Client: client, ServiceRoles: []string{"service"}}
	fake.Issue("system", testkit.FakeToken{User: "root", System: true, Roles: []string{"admin"}})
	fake.Issue("domain", testkit.FakeToken{User: "root", Domain: "d", Roles: []string{"admin"}})
	fake.Issue("trust", testkit.FakeToken{User: "u", Project: "p", Roles: []string{"member"}, Trust: "t"})
	fake.Issue(
		"credential",
		testkit.FakeToken{User: "u", Project: "p", Roles: []string{"member"}, AppCredential: map[string]any{"id": "c"}},
	)
	fake.Issue("service", testkit.FakeToken{User: "heat", Project: "service", Roles: []string{"service"}})
	fake.Issue("user", testkit.FakeToken{User: "u", Project: "p", Roles: []string{"member"}})
	for token, fits := range map[string]func(faas.Identity) bool{
		"system":     func(id faas.Identity) bool { return id.System && id.ProjectID == "" && id.HasRole("admin") },
		"domain":     func(id faas.Identity) bool { return id.DomainID == "d" && id.ProjectID == "" },
		"trust":      func(id faas.Identity) bool { return id.Delegate && id.UserID == "u" },
		"credential": func(id faas.Identity) bool { return id.Delegate },
		"user": func(id faas.Identity) bool {
			return !id.Delegate && id.ProjectID == "p" && id.Expires.After(clock.now())
		},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/functions", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", token)
		r.Header.Set("X-Service-Token", "service")
		id, err := who.Authenticate(r)
		if err != nil || !fits(id) || id.Token.Reveal() != token || id.Service != "heat" {
			t.Errorf("%s: %+v, %v", token, id, err)
		}
	}
}

// TestWithoutProject has an administrator of the system, whose token is for no project, see
// everything and make nothing; and one of a domain, who is nobody here.
func TestWithoutProject(t *testing.T) {
	s, fake, _ := newAuthenticated(t)
	all := []string{"admin", "member", "reader"}
	fake.Issue("system", testkit.FakeToken{User: "root", System: true, Roles: all})
	fake.Issue("domain", testkit.FakeToken{User: "root", Domain: "d", Roles: all})
	for _, req := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/v1/functions?all_projects=true", "", 200},
		{"GET", "/v1/functions", "", 200},
		{"GET", "/v1/runtimes", "", 200},
		{"POST", "/v1/runtimes", `{"image": "python3"}`, 403},
		{"POST", "/v1/executions", `{"function_id": "` + faas.NewID() + `"}`, 403},
	} {
		for token, want := range map[string]int{"system": req.want, "domain": 403} {
			got := s.send(
				testRequest{method: req.method, path: req.path, body: req.body, header: map[string]string{"X-Auth-Token": token}},
			)
			if got.status != want {
				t.Errorf("%s: %s %s: %d %s, want %d", token, req.method, req.path, got.status, got.body, want)
			}
		}
	}
}

// TestTokensAreNowhere looks for tokens in answers and in the log.
func TestTokensAreNowhere(t *testing.T) {
	s, fake, _ := newAuthenticated(t)
	fake.Issue("secret-of-a-reader", reader)
	answers := []reply{
		s.as("secret-of-a-reader", ""),
		s.as("secret-made-up", "secret-service"),
		s.as("secret-of-a-reader", "secret-service"),
	}
	fake.Cut(true)
	answers = append(answers, s.as("secret-unknown", ""))
	for _, a := range answers {
		if strings.Contains(string(a.body), "secret-") {
			t.Errorf("an answer has a token: %s", a.body)
		}
	}
	log := s.logs.String()
	if strings.Contains(log, "secret-") || !strings.Contains(log, "user_id=u") {
		t.Errorf("the log has a token, or no user: %s", log)
	}
}

package testkit

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// FakeToken is what a FakeKeystone says of a token.
type FakeToken struct {
	User, Project, Domain string
	System                bool
	Roles                 []string
	Trust                 string // its id
	AppCredential         map[string]any
	Issued, Expires       time.Time
}

// FakeKeystone answers about tokens as Keystone was seen to do, and goes wrong in the ways that a
// test wants. Tests about anything else than outages, time and races meet the real one.
type FakeKeystone struct {
	URL      string // with /v3
	Password string // of the user faas

	mu          sync.Mutex
	server      *httptest.Server
	now         func() time.Time
	tokens      map[string]FakeToken
	own         map[string]bool // tokens of the service
	life        time.Duration   // of these
	validations int
	logins      int
	down        bool
	status      int
	gate        chan struct{}
	projects    map[string]bool
	trusts      map[string]bool // whether they give tokens
	trustLogins map[string]int  // by trust
	lockedOut   bool
}

// NewFakeKeystone starts one by the clock. It ends with the test.
func NewFakeKeystone(t testing.TB, now func() time.Time) *FakeKeystone {
	t.Helper()
	k := &FakeKeystone{
		Password: rand.Text(),
		now:      now,
		tokens:   map[string]FakeToken{},
		own:      map[string]bool{},
		life:     time.Hour,
		projects: map[string]bool{},
		trusts:   map[string]bool{},

		trustLogins: map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/auth/tokens", k.login)
	mux.HandleFunc("GET /v3/auth/tokens", k.validate)
	mux.HandleFunc("GET /v3/projects/{id}", k.project)
	mux.HandleFunc("GET /v3/OS-TRUST/trusts/{id}", k.trust)
	k.server = httptest.NewServer(k.troubled(mux))
	t.Cleanup(k.server.Close)
	k.URL = k.server.URL + "/v3"
	return k
}

// troubled goes wrong as it was told to.
func (k *FakeKeystone) troubled(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		down, status, gate := k.down, k.status, k.gate
		if r.Method == http.MethodGet {
			k.validations++
		} else {
			k.logins++
		}
		k.mu.Unlock()
		if gate != nil {
			select {
			case <-gate:
			case <-r.Context().Done():
				return
			}
		}
		switch {
		case down:
			panic(http.ErrAbortHandler) // cuts the connection
		case status != 0:
			keystoneError(w, status)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// Issue has a token be valid.
func (k *FakeKeystone) Issue(token string, t FakeToken) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t.Issued = k.now()
	if t.Expires.IsZero() {
		t.Expires = t.Issued.Add(time.Hour)
	}
	k.tokens[token] = t
}

// Revoke ends a token.
func (k *FakeKeystone) Revoke(token string) { k.set(func() { delete(k.tokens, token) }) }

// ForgetService ends every token of the service itself, as new Fernet keys do.
func (k *FakeKeystone) ForgetService() { k.set(func() { clear(k.own) }) }

// ServiceLife is how long further tokens of the service last.
func (k *FakeKeystone) ServiceLife(d time.Duration) { k.set(func() { k.life = d }) }

// Project has a project be there, enabled or not.
func (k *FakeKeystone) Project(id string, enabled bool) { k.set(func() { k.projects[id] = enabled }) }

// Cut has every connection be cut, or no longer.
func (k *FakeKeystone) Cut(down bool) { k.set(func() { k.down = down }) }

// Answer has everything be answered with the status; 0 for the truth.
func (k *FakeKeystone) Answer(status int) { k.set(func() { k.status = status }) }

// Hold keeps answers back until the gate is closed; nil for no longer.
func (k *FakeKeystone) Hold(gate chan struct{}) { k.set(func() { k.gate = gate }) }

// Requests counts what was asked, and how often the service authenticated.
func (k *FakeKeystone) Requests() (asked, logins int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.validations, k.logins
}

func (k *FakeKeystone) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

func (k *FakeKeystone) login(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Auth struct {
			Identity struct {
				Password struct {
					User struct{ Name, Password string }
				}
			}
			Scope struct {
				Trust struct{ ID string } `json:"OS-TRUST:trust"`
			}
		}
	}
	user := &body.Auth.Identity.Password.User
	if json.NewDecoder(r.Body).Decode(&body) != nil || user.Name != "faas" || user.Password != k.Password {
		keystoneError(w, http.StatusUnauthorized)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	trust := body.Auth.Scope.Trust.ID
	if k.lockedOut || trust != "" && !k.trusts[trust] {
		keystoneError(w, http.StatusUnauthorized)
		return
	}
	token, now := "own-"+rand.Text(), k.now()
	k.own[token] = true
	if trust != "" {
		k.trustLogins[trust]++
		k.tokens[token] = FakeToken{
			User: "faas-user", Project: "service-project", Trust: trust, Issued: now, Expires: now.Add(k.life),
		}
	}
	w.Header().Set("X-Subject-Token", token)
	keystoneAnswer(w, http.StatusCreated, map[string]any{
		"user": named("faas-user"), "project": named("service-project"), "roles": []any{named("service"), named("admin")},
		"issued_at": now, "expires_at": now.Add(k.life),
		"catalog": []any{
			catalogued("object-store", "/v1/AUTH_service-project", k.server.URL),
			catalogued("identity", "", k.server.URL),
		},
	})
}

func (k *FakeKeystone) validate(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.own[r.Header.Get("X-Auth-Token")] {
		keystoneError(w, http.StatusUnauthorized)
		return
	}
	t, ok := k.tokens[r.Header.Get("X-Subject-Token")]
	if !ok || !r.URL.Query().Has("allow_expired") && !k.now().Before(t.Expires) {
		keystoneError(w, http.StatusNotFound)
		return
	}
	keystoneAnswer(w, http.StatusOK, t.answer())
}

func (k *FakeKeystone) project(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	enabled, ok := k.projects[r.PathValue("id")]
	if !ok {
		keystoneError(w, http.StatusNotFound)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"project": map[string]any{"id": r.PathValue("id"), "enabled": enabled}})
}

// answer is Keystone's JSON of a token.
func (t FakeToken) answer() map[string]any {
	roles := []any{}
	for _, role := range t.Roles {
		roles = append(roles, named(role))
	}
	a := map[string]any{"user": named(t.User), "issued_at": t.Issued, "expires_at": t.Expires}
	if len(roles) > 0 {
		a["roles"] = roles
	}
	if t.Project != "" {
		a["project"] = named(t.Project)
	}
	if t.Domain != "" {
		a["domain"] = named(t.Domain)
	}
	if t.System {
		a["system"] = map[string]any{"all": true}
	}
	if t.Trust != "" {
		a["OS-TRUST:trust"] = map[string]any{
			"id":            t.Trust,
			"impersonation": true,
			"trustor_user":  named(t.User),
			"trustee_user":  named("faas-user"),
		}
	}
	if t.AppCredential != nil {
		a["application_credential"] = t.AppCredential
	}
	return a
}

func named(name string) map[string]any {
	return map[string]any{"id": name, "name": name, "domain": map[string]any{"id": "default", "name": "Default"}}
}

func catalogued(serviceType, path, base string) map[string]any {
	endpoints := []any{}
	for _, face := range []string{"public", "internal"} {
		for _, region := range []string{"one", "two"} {
			endpoints = append(
				endpoints,
				map[string]any{
					"interface": face,
					"region":    region,
					"region_id": region,
					"url":       base + "/" + region + "/" + face + path,
				},
			)
		}
	}
	return map[string]any{"type": serviceType, "name": serviceType, "endpoints": endpoints}
}

func keystoneAnswer(w http.ResponseWriter, status int, token map[string]any) {
	writeJSON(w, status, map[string]any{"token": token})
}

// keystoneError answers as Keystone does.
func keystoneError(w http.ResponseWriter, status int) {
	writeJSON(
		w,
		status,
		map[string]any{
			"error": map[string]any{"code": status, "title": http.StatusText(status), "message": "What Keystone says."},
		},
	)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // to a test, which would notice
}

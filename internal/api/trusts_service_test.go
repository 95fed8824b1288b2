package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/trusts"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
)

// trustKeeper plays Keystone: it makes trusts t-1, t-2, … and gives tokens of those that there are.
type trustKeeper struct {
	mu     sync.Mutex
	made   int
	trusts map[string][]string // roles by trust
	makers map[string]string   // users by trust
	passed map[string]bool     // those that may be passed on, and whether they end
	err    error               // of all that it is asked
}

func (k *trustKeeper) MakeTrust(_ context.Context, token faas.Secret, roles []string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maker, own := strings.CutPrefix(token.Reveal(), "the token of ")
	if k.err != nil || !own {
		return "", k.err
	}
	k.made++
	id := fmt.Sprintf("t-%d", k.made)
	k.trusts[id], k.makers[id] = roles, maker
	return id, nil
}

func (k *trustKeeper) MakeTrustToPassOn(
	ctx context.Context, token faas.Secret, roles []string, ends bool,
) (string, error) {
	id, err := k.MakeTrust(ctx, token, roles)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.passed[id] = ends
	return id, err
}

func (k *trustKeeper) DeleteTrust(_ context.Context, id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err == nil {
		delete(k.trusts, id)
	}
	return k.err
}

func (k *trustKeeper) TrustToken(_ context.Context, id string) (session.Token, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return session.Token{}, k.err
	}
	if k.trusts[id] == nil {
		return session.Token{}, faas.Errorf(faas.Forbidden, "The function can no longer act.")
	}
	return session.Token{
		Value:     faas.Secret("token-of-" + id),
		ExpiresAt: time.Now().Add(time.Hour),
		ProjectID: project,
		UserID:    k.makers[id],
	}, nil
}

func (k *trustKeeper) Valid(_ context.Context, token faas.Secret) (bool, time.Time, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.trusts[strings.TrimPrefix(token.Reveal(), "token-of-")] != nil, time.Now(), k.err
}

func (k *trustKeeper) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// has expects these trusts, as "id: role role".
func (k *trustKeeper) has(t *testing.T, want ...string) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	got := []string{}
	for id, roles := range k.trusts {
		got = append(got, id+": "+strings.Join(roles, " "))
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("there are the trusts %q, want %q", got, want)
	}
}

// tokenAuth is headerAuth with the token of the user whom a header names, which is a delegated one
// where another says so.
type tokenAuth struct{}

// Authenticate believes the headers.
func (tokenAuth) Authenticate(r *http.Request) (faas.Identity, error) {
	id, err := headerAuth{}.Authenticate(r)
	if user := r.Header.Get("X-Test-User"); user != "" {
		id.UserID = user
	}
	id.Token, id.Delegate = faas.Secret("the token of "+id.UserID), r.Header.Get("X-Test-Delegate") != ""
	return id, err
}

func trusting(t *testing.T, change ...func(*Config)) (*service, *trustKeeper) {
	t.Helper()
	k := &trustKeeper{trusts: map[string][]string{}, makers: map[string]string{}, passed: map[string]bool{}}
	sessions := session.New(session.Config{Source: k})
	t.Cleanup(sessions.Close)
	use := func(c *Config) {
		c.Auth = tokenAuth{}
		c.Trusts = &trusts.Config{Maker: k, Sessions: sessions, Enabled: true, Excluded: []string{"admin", "service"}}
	}
	return newService(t, append([]func(*Config){use}, change...)...), k
}

var newest = map[string]string{"OpenStack-API-Version": "function-engine 1.1"}

// make makes a function; roles is the JSON of the field, "" for none.
func (s *service) make(runtime, roles, identity string, header map[string]string) reply {
	s.t.Helper()
	fields := []field{
		{"runtime_id", runtime},
		{"code", `{"source":"package"}`},
		{"package", zipOf(s.t, "main.py", "def main(): pass")},
	}
	if roles != "" {
		fields = append(fields, field{"roles", roles})
	}
	body, contentType := formOf(s.t, fields...)
	return s.send(
		testRequest{
			method:      "POST",
			path:        "/v1/functions",
			body:        body,
			contentType: contentType,
			identity:    identity,
			header:      header,
		},
	)
}

package asyncrun

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
)

// keystone plays Keystone.
type keystone struct {
	mu       sync.Mutex
	err      error // of questions
	disabled bool
	gone     bool // trusts give no tokens
}

func (k *keystone) ProjectEnabled(context.Context, string) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.disabled && k.err == nil, k.err
}

func (k *keystone) TrustToken(_ context.Context, id string) (session.Token, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone {
		return session.Token{}, faas.Errorf(faas.Forbidden, "The function can no longer act.")
	}
	return session.Token{Value: faas.Secret("token-of-" + id), ExpiresAt: time.Now().Add(time.Hour)}, nil
}

func (k *keystone) Valid(context.Context, faas.Secret) (bool, time.Time, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.gone, time.Now(), k.err
}

func (k *keystone) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

func TestSessionsOfCalls(t *testing.T) {
	k := &keystone{}
	sessions := session.New(session.Config{Source: k})
	t.Cleanup(sessions.Close)
	r := newRig(t, func(c *Config) { c.Credentials = &Credentials{Sessions: sessions, Projects: k} })
	ctx := t.Context()
	acting, plain := faas.Function{
		ProjectID: project,
		TrustID:   "t",
		Timeout:   time.Second,
	}, faas.Function{
		ProjectID: project,
	}
	expect := func(f faas.Function, want string, kind faas.Kind) {
		t.Helper()
		var call faas.Call
		err := r.runner.attachCredentials(ctx, f, &call)
		got := call.Context
		if !strings.Contains(string(got), want) || (got == nil) != (want == "") || faas.KindOf(err) != kind {
			t.Errorf("got %s, %v; want %q, %q", got, err, want, kind)
		}
	}
	expect(acting, "token-of-t", "")
	expect(plain, "", "")
	k.set(func() { k.err = errors.New("Keystone cannot be asked") })
	expect(acting, "token-of-t", "")
	expect(plain, "", "")
	k.set(func() { k.err, k.disabled = nil, true })
	expect(acting, "", faas.Forbidden)
	expect(plain, "", faas.Forbidden)
	k.set(func() { k.disabled, k.gone = false, true })
	expect(plain, "", "")
	expect(faas.Function{ProjectID: project, TrustID: "another"}, "", faas.Forbidden)
}

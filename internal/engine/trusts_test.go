package engine

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

// trustKeeper plays Keystone.
type trustKeeper struct {
	mu       sync.Mutex
	deleted  []string
	err      error // of deletions and of questions about projects
	disabled bool
	gone     bool // trusts give no tokens
}

func (k *trustKeeper) DeleteTrust(_ context.Context, id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err == nil {
		k.deleted = append(k.deleted, id)
	}
	return k.err
}

func (k *trustKeeper) ProjectEnabled(context.Context, string) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.disabled && k.err == nil, k.err
}

func (k *trustKeeper) TrustToken(_ context.Context, id string) (session.Token, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone {
		return session.Token{}, faas.Errorf(faas.Forbidden, "The function can no longer act.")
	}
	return session.Token{Value: faas.Secret("token-of-" + id), ExpiresAt: time.Now().Add(time.Hour)}, nil
}

func (k *trustKeeper) Valid(context.Context, faas.Secret) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.gone, k.err
}

func (k *trustKeeper) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

// trusting makes a rig whose engine has a Keystone.
func trusting(t *testing.T) (*rig, *trustKeeper) {
	t.Helper()
	r, k := newRig(t, nil), &trustKeeper{}
	sessions := session.New(session.Config{Source: k})
	t.Cleanup(sessions.Close)
	r.engine.cfg.Trusts = &Trusts{Sessions: sessions, Keystone: k}
	return r, k
}

// TestTrustsAreDeleted has Keystone away at first.
func TestTrustsAreDeleted(t *testing.T) {
	r, k := trusting(t)
	now := time.Now()
	r.engine.now = func() time.Time { return now }
	ctx := t.Context()
	r.must(r.store.ScheduleTrustDeletion(ctx, "a", now))
	r.must(r.store.ScheduleTrustDeletion(ctx, "b", now.Add(time.Minute)))
	left := func() int {
		t.Helper()
		due, err := r.store.DueTrustDeletions(ctx, now.Add(24*time.Hour), 10)
		r.must(err)
		return len(due)
	}
	k.set(func() { k.err = faas.Errorf(faas.Unavailable, "Keystone cannot be asked.") })
	r.engine.deleteTrustsOnce(ctx)
	k.set(func() { k.err = nil })
	r.engine.deleteTrustsOnce(ctx)
	if left() != 2 || len(k.deleted) != 0 {
		t.Errorf("deleted %q at once after a failure; %d are left", k.deleted, left())
	}
	now = now.Add(trustPatience)
	r.engine.deleteTrustsOnce(ctx)
	if left() != 1 || strings.Join(k.deleted, " ") != "a" {
		t.Errorf("deleted %q; %d are left", k.deleted, left())
	}
	k.set(func() { k.err = errors.New("Keystone does not allow it") })
	for range 5 {
		now = now.Add(2 * lastTrustWait)
		r.engine.deleteTrustsOnce(ctx)
	}
	k.set(func() { k.err = nil })
	now = now.Add(lastTrustWait)
	r.engine.deleteTrustsOnce(ctx)
	if left() != 0 || strings.Join(k.deleted, " ") != "a b" {
		t.Errorf("deleted %q; %d are left", k.deleted, left())
	}
}

func TestSessionsOfCalls(t *testing.T) {
	r, k := trusting(t)
	ctx := t.Context()
	acting, plain := faas.Function{ProjectID: project, TrustID: "t", Timeout: time.Second}, faas.Function{ProjectID: project}
	expect := func(f faas.Function, want string, kind faas.Kind) {
		t.Helper()
		var call faas.Call
		err := r.engine.act(ctx, f, &call)
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

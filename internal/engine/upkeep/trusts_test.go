package upkeep

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
)

// keystone deletes trusts, or fails.
type keystone struct {
	deleted []string
	err     error
}

func (k *keystone) DeleteTrust(_ context.Context, id string) error {
	if k.err == nil {
		k.deleted = append(k.deleted, id)
	}
	return k.err
}

// TestTrustsAreDeleted has Keystone away at first.
func TestTrustsAreDeleted(t *testing.T) {
	k, now, ctx := &keystone{}, time.Now(), t.Context()
	files, err := codestore.NewFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := newCollection(t, files)
	c.upkeep = New(Config{Store: c.store, Trusts: k, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	c.must(c.store.ScheduleTrustDeletion(ctx, "a", now))
	c.must(c.store.ScheduleTrustDeletion(ctx, "b", now.Add(time.Minute)))
	left := func() int {
		t.Helper()
		due, err := c.store.DueTrustDeletions(ctx, now.Add(24*time.Hour), 10)
		c.must(err)
		return len(due)
	}
	k.err = faas.Errorf(faas.Unavailable, "Keystone cannot be asked.")
	c.upkeep.DeleteTrusts(ctx)
	k.err = nil
	c.upkeep.DeleteTrusts(ctx)
	if left() != 2 || len(k.deleted) != 0 {
		t.Errorf("deleted %q at once after a failure; %d are left", k.deleted, left())
	}
	now = now.Add(trustTimeout)
	c.upkeep.DeleteTrusts(ctx)
	if left() != 1 || strings.Join(k.deleted, " ") != "a" {
		t.Errorf("deleted %q; %d are left", k.deleted, left())
	}
	k.err = errors.New("Keystone does not allow it")
	for range 5 {
		now = now.Add(2 * lastTrustPause)
		c.upkeep.DeleteTrusts(ctx)
	}
	k.err = nil
	now = now.Add(lastTrustPause)
	c.upkeep.DeleteTrusts(ctx)
	if left() != 0 || strings.Join(k.deleted, " ") != "a b" {
		t.Errorf("deleted %q; %d are left", k.deleted, left())
	}
}

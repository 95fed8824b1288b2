package upkeep

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/store"
)

// keystone deletes trusts, or fails.
type keystone struct {
	deleted []string
	err     error
}

func (k *keystone) DeleteTrust(ctx context.Context, id string) error {
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("nobody waits for ever")
	}
	if k.err == nil {
		k.deleted = append(k.deleted, id)
	}
	return k.err
}

// TestTrustsAreDeleted has Keystone refuse at first: the item is to be tried again.
func TestTrustsAreDeleted(t *testing.T) {
	k := &keystone{err: errors.New("Keystone does not allow it")}
	u := New(Config{Trusts: k, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if _, err := u.DeleteTrust(t.Context(), store.DueItem{Ref: "a"}); !errors.Is(err, k.err) || len(k.deleted) != 0 {
		t.Errorf("deleted are %q, %v", k.deleted, err)
	}
	k.err = nil
	if _, err := u.DeleteTrust(t.Context(), store.DueItem{Ref: "a"}); err != nil || strings.Join(k.deleted, " ") != "a" {
		t.Errorf("deleted are %q, %v", k.deleted, err)
	}
}

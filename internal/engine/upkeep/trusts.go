package upkeep

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// Trusts deletes trusts in Keystone. There being no such trust is no error.
type Trusts interface {
	DeleteTrust(ctx context.Context, trustID string) error
}

const (
	// trustPause is the shortest pause before a deletion that has failed is tried again; it doubles
	// with each failure.
	trustPause = 15 * time.Second
	// lastTrustPause is the longest.
	lastTrustPause = time.Hour
	// trustBatch is how many are deleted at each look.
	trustBatch = 100
	// trustTimeout bounds the deletion of one, and is meanwhile how long no other engine tries.
	trustTimeout = 30 * time.Second
)

// DeleteTrusts deletes the trusts that no function has any more, and those whose functions were
// never recorded.
func (u *Upkeeper) DeleteTrusts(ctx context.Context) {
	if u.cfg.Trusts == nil {
		return
	}
	due, err := u.cfg.Store.DueTrustDeletions(ctx, u.cfg.Now(), trustBatch)
	if err != nil {
		u.log.Warn("the trusts that are to be deleted cannot be read", "error", err)
		return
	}
	for _, d := range due {
		if ctx.Err() != nil || !u.deleteTrust(ctx, d) {
			return
		}
	}
}

// deleteTrust reports whether it is worth going on with others.
func (u *Upkeeper) deleteTrust(ctx context.Context, d store.TrustDeletion) bool {
	now := u.cfg.Now()
	again := now.Add(max(trustTimeout, min(lastTrustPause, trustPause<<min(d.Attempts, 10))))
	taken, err := u.cfg.Store.ClaimTrustDeletion(ctx, d.TrustID, now, again)
	if err != nil || !taken {
		return err == nil
	}
	ctx, cancel := context.WithTimeout(ctx, trustTimeout)
	defer cancel()
	if err = u.cfg.Trusts.DeleteTrust(ctx, d.TrustID); err == nil {
		err = u.cfg.Store.FinishTrustDeletion(ctx, d.TrustID)
	}
	if err != nil {
		u.log.Warn("a trust could not be deleted", "trust_id", d.TrustID, "attempts", d.Attempts+1, "again", again, "error", err)
	}
	return faas.KindOf(err) != faas.Unavailable
}

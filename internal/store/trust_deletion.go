package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// TrustDeletion is the kind of due work that deletes a Keystone trust: its ref is the trust.
const TrustDeletion = "trust-deletion"

// ScheduleTrustDeletion records that the trust is to be deleted after the time. This is done as
// soon as a trust exists: CreateFunction and UpdateFunction cancel the deletion of the trust that
// they record, so that whoever fails or dies before leaves none behind.
func (s *DueWork) ScheduleTrustDeletion(ctx context.Context, trustID string, after time.Duration) error {
	return s.AddDue(ctx, TrustDeletion, trustID, after)
}

// trustUses are the trusts of functions and triggers within a transaction.
type trustUses struct {
	*statements
	due dueItems
}

// keep cancels the deletion of a trust that a function is recorded with, in the same
// transaction. Where no deletion is scheduled, or one was begun, the trust is gone or about to be.
func (t trustUses) keep(trustID string) error {
	if trustID == "" {
		return nil
	}
	n, err := t.exec(`DELETE FROM due_work WHERE kind = ? AND ref = ? AND attempts = 0`, TrustDeletion, trustID)
	if err == nil && n == 0 {
		return faas.Errorf(faas.Unavailable, "It took too long to record what a trust was made for; the trust is gone. Try again.")
	}
	return err
}

// replace cancels the deletion of a function's new trust and schedules that of the one before,
// due at once; a nil trust changes nothing.
func (t trustUses) replace(n faas.Sharding, before string, trust *FunctionTrust) error {
	if trust == nil || trust.ID == before {
		return nil
	}
	if err := t.keep(trust.ID); err != nil {
		return err
	}
	return t.unuse(n, before)
}

// unuse schedules the deletion, due at once, of a trust that a function or a version no longer
// has, unless a version has it still; "" is none.
func (t trustUses) unuse(n faas.Sharding, trustID string) error {
	if trustID == "" {
		return nil
	}
	var uses int
	err := t.queryRow(`SELECT COUNT(*) FROM function_versions WHERE trust_id = ?`, trustID).Scan(&uses)
	if err != nil || uses > 0 {
		return err
	}
	return t.due.add(n, TrustDeletion, trustID, 0)
}

// VersionHasTrust reports whether a version acts by the trust.
func (s *FunctionStore) VersionHasTrust(ctx context.Context, trustID string) (bool, error) {
	var n int
	err := s.readers.QueryRowContext(ctx, `SELECT COUNT(*) FROM function_versions WHERE trust_id = ?`, trustID).Scan(&n)
	return n > 0, unavailable(err)
}

package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// TrustDeletion is a Keystone trust that is to be deleted.
type TrustDeletion struct {
	TrustID  string
	Attempts int // how often the deletion has been tried
}

// ScheduleTrustDeletion records that the trust is to be deleted when it is due. This is done as soon as a trust exists: CreateFunction and
// UpdateFunction cancel the deletion of the trust that they record, so that whoever fails or dies before leaves none behind.
func (s *Store) ScheduleTrustDeletion(ctx context.Context, trustID string, due time.Time) error {
	return s.recorder.do(ctx, func(t *tx) error { return t.scheduleTrustDeletion(trustID, due) })
}

// DueTrustDeletions returns the deletions that are due, limit at most, the longest due first.
func (s *Store) DueTrustDeletions(ctx context.Context, now time.Time, limit int) ([]TrustDeletion, error) {
	rows, err := s.scans.QueryContext(ctx, `SELECT trust_id, attempts FROM trusts_to_delete WHERE due_at <= ? ORDER BY due_at, trust_id LIMIT ?`,
		micros(now), limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (d TrustDeletion, err error) { return d, row.Scan(&d.TrustID, &d.Attempts) })
}

// ClaimTrustDeletion makes a deletion that is due the caller's until the given time, and reports whether it did: it does not when another
// process has claimed the deletion, or when a function has the trust.
func (s *Store) ClaimTrustDeletion(ctx context.Context, trustID string, now, until time.Time) (bool, error) {
	n, err := s.chores.exec(ctx, "", `UPDATE trusts_to_delete SET due_at = ?, attempts = attempts + 1 WHERE trust_id = ? AND due_at <= ?`,
		micros(until), trustID, micros(now))
	return n > 0, err
}

// FinishTrustDeletion removes the record of a deletion: the trust is gone.
func (s *Store) FinishTrustDeletion(ctx context.Context, trustID string) error {
	_, err := s.chores.exec(ctx, "", `DELETE FROM trusts_to_delete WHERE trust_id = ?`, trustID)
	return err
}

func (t *tx) scheduleTrustDeletion(trustID string, due time.Time) error {
	n, err := t.exec(`UPDATE trusts_to_delete SET due_at = ? WHERE trust_id = ?`, micros(due), trustID)
	if err != nil || n > 0 {
		return err
	}
	_, err = t.exec(`INSERT INTO trusts_to_delete (trust_id, due_at, attempts) VALUES (?, ?, 0)`, trustID, micros(due))
	return err
}

// keepTrust cancels the deletion of a trust that a function is recorded with, in the same transaction. Where no deletion is scheduled, or one
// was claimed, the trust is gone or about to be.
func (t *tx) keepTrust(trustID string) error {
	if trustID == "" {
		return nil
	}
	n, err := t.exec(`DELETE FROM trusts_to_delete WHERE trust_id = ? AND attempts = 0`, trustID)
	if err == nil && n == 0 {
		return faas.Errorf(faas.Unavailable, "It took too long to record the function; its trust is gone. Try again.")
	}
	return err
}

// changeTrust cancels the deletion of a function's new trust and schedules that of the one before, due at once; a nil trust changes nothing.
func (t *tx) changeTrust(before string, trust *FunctionTrust, now time.Time) error {
	if trust == nil || trust.ID == before {
		return nil
	}
	if err := t.keepTrust(trust.ID); err != nil || before == "" {
		return err
	}
	return t.scheduleTrustDeletion(before, now)
}

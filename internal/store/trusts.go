package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// DoomedTrust is a Keystone trust that is to be deleted.
type DoomedTrust struct {
	ID       string
	Attempts int // how often that has failed
}

// DoomTrust notes that the trust is to be deleted when it is due. A trust is noted so as soon as there is one: CreateFunction and UpdateFunction
// strike out the note of the trust that they record, so that whoever fails or dies before leaves none behind.
func (s *Store) DoomTrust(ctx context.Context, id string, due time.Time) error {
	return s.recorder.do(ctx, func(t *tx) error { return t.doomTrust(id, due) })
}

// DoomedTrusts gives the trusts that are due, limit at most, the longest due first.
func (s *Store) DoomedTrusts(ctx context.Context, now time.Time, limit int) ([]DoomedTrust, error) {
	rows, err := s.readers.QueryContext(ctx, `SELECT trust_id, attempts FROM trusts_to_delete WHERE due_at <= ? ORDER BY due_at, trust_id LIMIT ?`, micros(now), limit)
	if err != nil {
		return nil, unavailable(err)
	}
	doomed, err := scanAll(rows, func(row scanner) (d DoomedTrust, err error) { return d, row.Scan(&d.ID, &d.Attempts) })
	return doomed, unavailable(err)
}

// TakeDoomedTrust makes a trust that is due the caller's to delete until the given time, and reports whether it did: it does not when the trust is
// another's to delete meanwhile, or a function's.
func (s *Store) TakeDoomedTrust(ctx context.Context, id string, now, until time.Time) (bool, error) {
	var taken bool
	err := s.recorder.do(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE trusts_to_delete SET due_at = ?, attempts = attempts + 1 WHERE trust_id = ? AND due_at <= ?`, micros(until), id, micros(now))
		taken = n > 0
		return err
	})
	return taken && err == nil, err
}

// ForgetTrust strikes out the note of a trust that is deleted.
func (s *Store) ForgetTrust(ctx context.Context, id string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM trusts_to_delete WHERE trust_id = ?`, id)
		return err
	})
}

func (t *tx) doomTrust(id string, due time.Time) error {
	n, err := t.exec(`UPDATE trusts_to_delete SET due_at = ? WHERE trust_id = ?`, micros(due), id)
	if err != nil || n > 0 {
		return err
	}
	_, err = t.exec(`INSERT INTO trusts_to_delete (trust_id, due_at, attempts) VALUES (?, ?, 0)`, id, micros(due))
	return err
}

// keepTrust strikes out the note of a trust that a function is recorded with. Without a note it was deleted, or is about to be.
func (t *tx) keepTrust(id string) error {
	if id == "" {
		return nil
	}
	n, err := t.exec(`DELETE FROM trusts_to_delete WHERE trust_id = ? AND attempts = 0`, id)
	if err == nil && n == 0 {
		return faas.Errorf(faas.Unavailable, "It took too long to record the function; its trust is gone. Try again.")
	}
	return err
}

// changeTrust strikes out the note of a function's new trust and notes that the one before is to be deleted at once; nil changes nothing.
func (t *tx) changeTrust(before string, trust *FunctionTrust, now time.Time) error {
	if trust == nil || trust.ID == before {
		return nil
	}
	if err := t.keepTrust(trust.ID); err != nil || before == "" {
		return err
	}
	return t.doomTrust(before, now)
}

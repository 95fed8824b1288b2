package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// A package is stored before the row of its function is, and neither is a part of the other's transaction. So that a package of old that no function
// refers to any more is not deleted while it is stored once more, there are notes:
//
//	AnnouncePackage → announced → the package is stored → CreateFunction or UpdateFunction strikes the note out
//	TakePackage     → taken     → the package is deleted → PackageDeleted → gone → a day later nobody is left who could have stored it before
//
// A package that is announced is not taken until the announcement is due, nor is one that a function refers to; one that is taken is not announced; and
// no function is recorded with one that is taken or gone: it was stored before that, and must be stored again.
const (
	announced = "announced"
	taken     = "taken"
	gone      = "gone"
)

const (
	// announcedFor is for how long a package that is announced is not deleted: the time to store it and to record its function.
	announcedFor = 15 * time.Minute
	// goneFor is how long it is remembered that a package was deleted: longer than any request lasts.
	goneFor = 24 * time.Hour
	// comeAgain is when whoever met a deletion may try again.
	comeAgain = 2 * time.Second
)

// AnnouncePackage is called before a package is stored, each time. Kind Unavailable says that it is just being deleted.
func (s *Store) AnnouncePackage(ctx context.Context, sha256 string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		until := micros(s.now().Add(announcedFor))
		there, err := t.announce(sha256, until)
		if there || err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO package_notes (sha256, state, due_at) VALUES (?, ?, ?)`, sha256, announced, until)
		if t.dialect.fault(err) != duplicate {
			return err
		}
		if there, err = t.announce(sha256, until); err == nil && !there { // else another process was first
			err = beingDeleted()
		}
		return err
	})
}

// announce renews a note, and reports whether there was one that it may renew.
func (t *tx) announce(sha256 string, until int64) (bool, error) {
	n, err := t.exec(`UPDATE package_notes SET state = ?, due_at = ? WHERE sha256 = ? AND state <> ?`, announced, until, sha256, taken)
	return n > 0, err
}

// TakePackage makes a package the caller's to delete until the given time, and reports whether it did: it does not when a function refers to it, when it
// is being stored, or when it is another's to delete.
func (s *Store) TakePackage(ctx context.Context, sha256 string, now, until time.Time) (bool, error) {
	var ours bool
	err := s.chores.do(ctx, func(t *tx) (err error) {
		ours, err = t.takePackage(sha256, micros(now), micros(until))
		return err
	})
	return ours && err == nil, err
}

func (t *tx) takePackage(sha256 string, now, until int64) (bool, error) {
	n, err := t.exec(`UPDATE package_notes SET state = ?, due_at = ? WHERE sha256 = ? AND due_at <= ?`, taken, until, sha256, now)
	if err == nil && n == 0 {
		_, err = t.exec(`INSERT INTO package_notes (sha256, state, due_at) VALUES (?, ?, ?)`, sha256, taken, until)
		if t.dialect.fault(err) == duplicate { // it is not due
			return false, nil
		}
	}
	if err != nil {
		return false, err
	}
	// The note is ours until the commit: a function that was recorded before is seen, and one that comes waits for us.
	used, err := t.packageUsed(sha256)
	if err != nil || !used {
		return err == nil, err
	}
	_, err = t.exec(`DELETE FROM package_notes WHERE sha256 = ?`, sha256)
	return false, err
}

// PackageDeleted is called when a package is deleted that was the caller's to delete until the given time.
func (s *Store) PackageDeleted(ctx context.Context, sha256 string, until time.Time) error {
	_, err := s.chores.exec(ctx, "", `UPDATE package_notes SET state = ?, due_at = ? WHERE sha256 = ? AND state = ? AND due_at = ?`,
		gone, micros(s.now().Add(goneFor)), sha256, taken, micros(until))
	return err
}

// UndeletedPackages returns the packages whose deletion was begun and is taken for given up, limit at most, and forgets what else is due.
func (s *Store) UndeletedPackages(ctx context.Context, now time.Time, limit int) ([]string, error) {
	rows, err := s.scans.QueryContext(ctx, `SELECT sha256, state FROM package_notes WHERE due_at <= ? ORDER BY due_at, sha256 LIMIT ?`, micros(now), limit)
	if err != nil {
		return nil, unavailable(err)
	}
	type note struct{ sha256, state string }
	due, err := scanAll(rows, func(row scanner) (n note, err error) { return n, row.Scan(&n.sha256, &n.state) })
	if err != nil {
		return nil, err
	}
	var undeleted []string
	for _, n := range due {
		if n.state == taken {
			undeleted = append(undeleted, n.sha256)
			continue
		}
		_, err := s.chores.exec(ctx, "", `DELETE FROM package_notes WHERE sha256 = ? AND state <> ? AND due_at <= ?`,
			n.sha256, taken, micros(now))
		if err != nil {
			return undeleted, err
		}
	}
	return undeleted, nil
}

// keepPackage strikes out the note of a package that a function is recorded with, in the same transaction; "" is none. Where there was no note one is made
// first, so that TakePackage waits for the commit in any case.
func (t *tx) keepPackage(sha256 string) error {
	if sha256 == "" {
		return nil
	}
	if struck, err := t.strikePackage(sha256); struck || err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO package_notes (sha256, state, due_at) VALUES (?, ?, 0)`, sha256, announced)
	if err != nil && t.dialect.fault(err) != duplicate {
		return err
	}
	struck, err := t.strikePackage(sha256)
	if err == nil && !struck {
		return beingDeleted()
	}
	return err
}

func (t *tx) strikePackage(sha256 string) (bool, error) {
	n, err := t.exec(`DELETE FROM package_notes WHERE sha256 = ? AND state = ?`, sha256, announced)
	return n > 0, err
}

func beingDeleted() error {
	e := faas.Errorf(faas.Unavailable, "The function's package was unused until now and has just been deleted, or is about to be. Send it again.")
	e.RetryAfter = comeAgain
	return e
}

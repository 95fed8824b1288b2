package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// A package is stored before the row of its function is, and neither is a part of the other's
// transaction. So that a package of old that no function refers to any more is not deleted while it
// is stored once more, there are notes:
//
//	AnnouncePackage → announced → the package is stored → CreateFunction or UpdateFunction strikes the note out
//	TakePackage     → taken     → the package is deleted → PackageDeleted → gone → a day later nobody is left who could have stored it before
//
// A package that is announced is not taken until the announcement is due, nor is one that a
// function refers to; one that is taken is not announced; and no function is recorded with one that
// is taken or gone: it was stored before that, and must be stored again.
//
// Who looks after packages learns of them by due work: an item is added when a package is
// announced, and when a function is deleted or gets another package. So nobody has to look through
// all packages for those of nobody.

// PackageDeletion is the kind of due work that deletes a package unless it is in use: its ref is
// the digest.
const PackageDeletion = "package-deletion"

// PackageSearch is the kind of due work that looks through all packages, once after an upgrade from
// a release that added no items for those of nobody.
const PackageSearch = "package-search"

const (
	announced = "announced"
	taken     = "taken"
	gone      = "gone"
)

const (
	// announcedFor is for how long a package that is announced is not deleted: the time to store it
	// and to record its function.
	announcedFor = 15 * time.Minute
	// goneFor is how long it is remembered that a package was deleted: longer than any request
	// lasts.
	goneFor = 24 * time.Hour
	// comeAgain is when whoever met a deletion may try again.
	comeAgain = 2 * time.Second
)

// AnnouncePackage is called before a package is stored, each time. Kind Unavailable says that it is
// just being deleted.
func (s *PackageUse) AnnouncePackage(ctx context.Context, sha256 string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		if err := t.packages.announce(sha256, micros(s.now().Add(announcedFor))); err != nil {
			return err
		}
		return t.due.add(s.shards, PackageDeletion, sha256, announcedFor)
	})
}

// packageNotes are the notes on packages within a transaction.
type packageNotes struct {
	*statements
	due dueItems
}

func (t packageNotes) announce(sha256 string, until int64) error {
	there, err := t.renew(sha256, until)
	if there || err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO package_notes (sha256, state, due_at) VALUES (?, ?, ?)`, sha256, announced, until)
	if t.dialect.fault(err) != duplicate {
		return err
	}
	if there, err = t.renew(sha256, until); err == nil && !there { // else another process was first
		err = beingDeleted()
	}
	return err
}

// renew reports whether there was a note that it may renew.
func (t packageNotes) renew(sha256 string, until int64) (bool, error) {
	n, err := t.exec(
		`UPDATE package_notes SET state = ?, due_at = ? WHERE sha256 = ? AND state <> ?`,
		announced,
		until,
		sha256,
		taken,
	)
	return n > 0, err
}

// unuse has a package looked at that a function has no longer; "" is none.
func (t packageNotes) unuse(n faas.Sharding, sha256 string) error {
	if sha256 == "" {
		return nil
	}
	return t.due.add(n, PackageDeletion, sha256, 0)
}

// TakenPackage is a package that is its taker's to delete for a while.
type TakenPackage struct {
	SHA256 string
	until  int64
}

// TakePackage makes a package the caller's to delete for the time. It returns nil when it does not,
// and after which time to try again: because the package is being stored, is another's to delete or
// was deleted lately. That is 0 when there is nothing to delete: a function has it, or it is gone.
func (s *PackageUse) TakePackage(
	ctx context.Context, sha256 string, hold time.Duration,
) (*TakenPackage, time.Duration, error) {
	var ours *TakenPackage
	var again time.Duration
	err := s.chores.do(ctx, func(t *tx) (err error) {
		ours, again, err = t.packages.take(sha256, s.now(), hold)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return ours, again, nil
}

func (t packageNotes) take(
	sha256 string, now time.Time, hold time.Duration,
) (*TakenPackage, time.Duration, error) {
	ours := &TakenPackage{SHA256: sha256, until: micros(now.Add(hold))}
	state, left, err := t.read(sha256, now)
	switch {
	case err != nil:
		return nil, 0, err
	case left > 0:
		return nil, left, nil
	case state == gone:
		return nil, 0, t.delete(sha256)
	case state == "":
		_, err = t.exec(`INSERT INTO package_notes (sha256, state, due_at) VALUES (?, ?, ?)`, sha256, taken, ours.until)
		if t.dialect.fault(err) == duplicate { // another process is about to store it
			return nil, comeAgain, nil
		}
	default:
		_, err = t.exec(`UPDATE package_notes SET state = ?, due_at = ? WHERE sha256 = ?`, taken, ours.until, sha256)
	}
	if err != nil {
		return nil, 0, err
	}
	// The note is ours until the commit: a function that was recorded before is seen, and one that
	// comes waits for us.
	used, err := t.used(sha256)
	if err != nil {
		return nil, 0, err
	}
	if used {
		return nil, 0, t.delete(sha256)
	}
	return ours, 0, nil
}

// read returns the state of a package's note, "" when there is none, and how long it holds.
// Others wait for the commit before they change it.
func (t packageNotes) read(sha256 string, now time.Time) (state string, left time.Duration, err error) {
	var until int64
	err = t.queryRow(`SELECT state, due_at FROM package_notes WHERE sha256 = ?`+t.grammar.forUpdate, sha256).
		Scan(&state, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, nil
	}
	return state, time.Duration(until-micros(now)) * time.Microsecond, err
}

func (t packageNotes) delete(sha256 string) error {
	_, err := t.exec(`DELETE FROM package_notes WHERE sha256 = ?`, sha256)
	return err
}

// PackageDeleted is called when a package is deleted that was the caller's to delete. It returns
// after which time TakePackage forgets it.
func (s *PackageUse) PackageDeleted(ctx context.Context, p TakenPackage) (time.Duration, error) {
	_, err := s.chores.exec(
		ctx,
		`UPDATE package_notes SET state = ?, due_at = ? WHERE sha256 = ? AND state = ? AND due_at = ?`,
		gone,
		micros(s.now().Add(goneFor)),
		p.SHA256,
		taken,
		p.until,
	)
	return goneFor, err
}

// keep strikes out the note of a package that a function is recorded with, in the same
// transaction; "" is none. Where there was no note one is made first, so that TakePackage waits for
// the commit in any case.
func (t packageNotes) keep(sha256 string) error {
	if sha256 == "" {
		return nil
	}
	if struck, err := t.strike(sha256); struck || err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO package_notes (sha256, state, due_at) VALUES (?, ?, 0)`, sha256, announced)
	if err != nil && t.dialect.fault(err) != duplicate {
		return err
	}
	struck, err := t.strike(sha256)
	if err == nil && !struck {
		return beingDeleted()
	}
	return err
}

func (t packageNotes) strike(sha256 string) (bool, error) {
	n, err := t.exec(`DELETE FROM package_notes WHERE sha256 = ? AND state = ?`, sha256, announced)
	return n > 0, err
}

func beingDeleted() error {
	e := faas.Errorf(
		faas.Unavailable,
		"The function's package was unused until now and has just been deleted, or is about to be. Send it again.",
	)
	e.RetryAfter = comeAgain
	return e
}

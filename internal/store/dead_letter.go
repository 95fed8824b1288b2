package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// DeadLetterStore keeps the events of triggers whose calls have failed for good.
type DeadLetterStore struct{ *core }

var deadLetters = newResource(table{name: "dead_letters", noun: "dead letter"}, []column[faas.DeadLetter]{
	{name: "id", at: func(l *faas.DeadLetter) any { return &l.ID }, kind: code, index: indexOfEach},
	{name: "trigger_id", at: func(l *faas.DeadLetter) any { return &l.TriggerID }, kind: code, index: indexOfValue},
	{name: "project_id", at: func(l *faas.DeadLetter) any { return &l.ProjectID }, kind: text},
	{name: "event_id", at: func(l *faas.DeadLetter) any { return &l.EventID }, kind: text},
	{name: "event_source", at: func(l *faas.DeadLetter) any { return &l.EventSource }, kind: text},
	{name: "event_type", at: func(l *faas.DeadLetter) any { return &l.EventType }, kind: text},
	{name: "why", at: func(l *faas.DeadLetter) any { return &l.Why }},
	{name: "attempts", at: func(l *faas.DeadLetter) any { return &l.Attempts }, kind: number},
	{name: "bytes", at: func(l *faas.DeadLetter) any { return letterBytesColumn{l} }, rule: unread},
	{name: "created_at", at: func(l *faas.DeadLetter) any { return timeColumn{&l.CreatedAt} }, kind: instant,
		index: indexOfRange},
	{name: "input", at: func(l *faas.DeadLetter) any { return &l.Input },
		size: func(l *faas.DeadLetter) *int64 { return &l.InputCut }},
})

// What a trigger's dead letters may be at most. The oldest go for those that are added.
const (
	maxLetters     = 1000
	maxLetterBytes = 16 << 20
)

// letterBytes returns what a dead letter takes.
func letterBytes(l *faas.DeadLetter) int64 {
	return recordOverhead + int64(len(l.Input)+len(l.Why)+len(l.EventID)+len(l.EventSource)+len(l.EventType))
}

// KeepLetter keeps a dead letter that no execution is followed by, and returns how many older ones
// of its trigger have gone for it. One that is there already stays as it is.
func (s *DeadLetterStore) KeepLetter(ctx context.Context, l faas.DeadLetter) (dropped int, err error) {
	err = s.recorder.do(ctx, func(t *tx) (err error) {
		dropped, err = t.letters.keep(l)
		return err
	})
	if err != nil {
		return 0, err
	}
	return dropped, nil
}

// letterRows are dead letters within a transaction.
type letterRows struct {
	*statements
	triggers triggerRows
}

// keep adds a dead letter, counts it at its trigger, and returns how many older ones of its
// trigger have gone for it. One that is there already stays as it is. A trigger that is gone has
// none.
func (t letterRows) keep(l faas.DeadLetter) (dropped int, err error) {
	has, err := t.lockCount(l.TriggerID)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, at := range []*string{&l.EventID, &l.EventSource, &l.EventType, &l.Why} {
		*at = shortened(*at)
	}
	l.CreatedAt = moment(micros(l.CreatedAt))
	query, args := deadLetters.insert(t.grammar, &l)
	_, err = t.exec(query, args...)
	if t.dialect.fault(err) == duplicate {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	seen := faas.TriggerSeen{Failed: 1, LastError: l.Why, LastErrorAt: l.CreatedAt}
	if err := t.triggers.addSeen(l.TriggerID, seen); err != nil {
		return 0, err
	}
	return t.dropOld(l.TriggerID, letterCount{has.letters + 1, has.bytes + letterBytes(&l)})
}

// letterCount is how many dead letters a trigger has, and what they take. It is in the trigger's
// row, so that to keep one does not take reading the others. Whoever changes letters locks that row
// first.
type letterCount struct{ letters, bytes int64 }

// lockCount locks a trigger's row and returns how many letters it has; sql.ErrNoRows when it is
// gone.
func (t letterRows) lockCount(triggerID string) (has letterCount, err error) {
	err = t.queryRow(`SELECT letters, letter_bytes FROM triggers WHERE id = ?`+t.grammar.forUpdate, triggerID).
		Scan(&has.letters, &has.bytes)
	return has, err
}

func (t letterRows) setCount(triggerID string, has letterCount) error {
	_, err := t.exec(`UPDATE triggers SET letters = ?, letter_bytes = ? WHERE id = ?`, has.letters, has.bytes, triggerID)
	return err
}

const oldestLetter = `SELECT id, bytes FROM dead_letters WHERE trigger_id = ? ORDER BY created_at, id LIMIT 1`

// dropOld deletes the oldest letters of a trigger that has more than it may, and notes how
// many it has then.
func (t letterRows) dropOld(triggerID string, has letterCount) (dropped int, err error) {
	for has.letters > 1 && (has.letters > maxLetters || has.bytes > maxLetterBytes) {
		var id string
		var bytes int64
		if err := t.queryRow(oldestLetter, triggerID).Scan(&id, &bytes); err != nil {
			return dropped, err
		}
		if _, err := t.exec(`DELETE FROM dead_letters WHERE id = ?`, id); err != nil {
			return dropped, err
		}
		dropped++
		has.letters, has.bytes = has.letters-1, has.bytes-bytes
	}
	return dropped, t.setCount(triggerID, has)
}

// DeadLetter returns a dead letter of a trigger that the scope sees.
func (s *DeadLetterStore) DeadLetter(ctx context.Context, scope faas.Scope, triggerID, id string) (faas.DeadLetter, error) {
	l, err := deadLetters.scan(s.readers.QueryRowContext(ctx, deadLetters.selectByID(), id))
	return l, letterSeen(scope, triggerID, id, l, err)
}

func letterSeen(scope faas.Scope, triggerID, id string, l faas.DeadLetter, err error) error {
	switch {
	case err != nil:
		return missing("dead letter", id, err)
	case l.TriggerID != triggerID:
		return notFound("dead letter", id)
	case !scope.Sees(l.ProjectID):
		return unseen("dead letter", id, l.ProjectID)
	}
	return nil
}

// DeadLetters lists the dead letters of a trigger that the scope sees. Of a long input it has the
// beginning only.
func (s *DeadLetterStore) DeadLetters(
	ctx context.Context, scope faas.Scope, triggerID string, q faas.Query,
) (Page[faas.DeadLetter], error) {
	q.Filters = append(slices.Clone(q.Filters), faas.Filter{Field: "trigger_id", Op: "eq", Values: []string{triggerID}})
	return list(ctx, s.core, &deadLetters, scope, q)
}

// DeleteDeadLetter forgets a dead letter.
func (s *DeadLetterStore) DeleteDeadLetter(ctx context.Context, scope faas.Scope, triggerID, id string) error {
	return s.recorder.do(ctx, func(t *tx) error { return t.letters.take(scope, triggerID, id) })
}

// take deletes a dead letter.
func (t letterRows) take(scope faas.Scope, triggerID, id string) error {
	has, err := t.lockCount(triggerID)
	if errors.Is(err, sql.ErrNoRows) {
		return notFound("dead letter", id)
	}
	if err != nil {
		return err
	}
	l, err := deadLetters.scan(t.queryRow(deadLetters.selectByID()+t.grammar.forUpdate, id))
	if err := letterSeen(scope, triggerID, id, l, err); err != nil {
		return err
	}
	_, err = t.forget(triggerID, id, has)
	return err
}

// forget deletes a letter of a trigger whose row is locked, if it is there, and returns how
// many letters are left.
func (t letterRows) forget(triggerID, id string, has letterCount) (left letterCount, err error) {
	var bytes int64
	err = t.queryRow(`SELECT bytes FROM dead_letters WHERE id = ?`+t.grammar.forUpdate, id).Scan(&bytes)
	if errors.Is(err, sql.ErrNoRows) {
		return has, nil
	}
	if err != nil {
		return has, err
	}
	if _, err := t.exec(`DELETE FROM dead_letters WHERE id = ?`, id); err != nil {
		return has, err
	}
	left = letterCount{has.letters - 1, has.bytes - bytes}
	return left, t.setCount(triggerID, left)
}

// Replay has a dead letter executed again: in one transaction the letter goes and x is queued,
// which is complete. Of several who try, one does; the others hear faas.NotFound.
func (s *DeadLetterStore) Replay(ctx context.Context, scope faas.Scope, triggerID, id string, x faas.Execution) error {
	err := s.recorder.do(ctx, func(t *tx) error {
		if err := t.letters.take(scope, triggerID, id); err != nil {
			return err
		}
		return t.executions.enqueue(s.shards, &x)
	})
	if err == nil {
		s.countQueued(&x)
	}
	return err
}

// OldestDeadLetters returns dead letters of a trigger, the oldest first, limit at most, without
// their inputs.
func (s *DeadLetterStore) OldestDeadLetters(ctx context.Context, triggerID string, limit int) ([]string, error) {
	rows, err := s.readers.QueryContext(ctx,
		`SELECT id FROM dead_letters WHERE trigger_id = ? ORDER BY created_at, id LIMIT ?`, triggerID, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
}

// PurgeDeadLetters deletes dead letters from before the time, limit at most, and returns how many.
func (s *DeadLetterStore) PurgeDeadLetters(ctx context.Context, before time.Time, limit int) (int, error) {
	rows, err := s.scans.QueryContext(ctx,
		`SELECT trigger_id, id FROM dead_letters WHERE created_at < ? ORDER BY created_at LIMIT ?`, micros(before), limit)
	if err != nil {
		return 0, unavailable(err)
	}
	type letter struct{ trigger, id string }
	old, err := scanAll(rows, func(row scanner) (l letter, err error) { return l, row.Scan(&l.trigger, &l.id) })
	if err != nil || len(old) == 0 {
		return 0, err
	}
	of := map[string][]string{}
	for _, l := range old {
		of[l.trigger] = append(of[l.trigger], l.id)
	}
	purged := 0
	err = s.chores.do(ctx, func(t *tx) error {
		purged = 0
		for _, trigger := range slices.Sorted(maps.Keys(of)) { // in one order everywhere, so that no two processes wait for each other
			n, err := t.letters.purge(trigger, of[trigger])
			if err != nil {
				return err
			}
			purged += n
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return purged, nil
}

// purge deletes letters of a trigger and returns how many there were.
func (t letterRows) purge(triggerID string, ids []string) (int, error) {
	has, err := t.lockCount(triggerID)
	if errors.Is(err, sql.ErrNoRows) { // its letters are gone with it
		return 0, nil
	}
	before := has.letters
	for _, id := range ids {
		if err == nil {
			has, err = t.forget(triggerID, id, has)
		}
	}
	return int(before - has.letters), err
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

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

// keepLetter keeps a dead letter, counts it at its trigger, and returns how many older ones of its
// trigger have gone for it. One that is there already stays as it is. A trigger that is gone has
// none.
func (t *tx) keepLetter(l faas.DeadLetter) (dropped int, err error) {
	var there int
	err = t.queryRow(`SELECT 1 FROM triggers WHERE id = ?`+t.grammar.forUpdate, l.TriggerID).Scan(&there)
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
	if err := t.addSeen(l.TriggerID, faas.TriggerSeen{Failed: 1, LastError: l.Why, LastErrorAt: l.CreatedAt}); err != nil {
		return 0, err
	}
	return t.dropOldLetters(l.TriggerID)
}

// dropOldLetters deletes the oldest letters of a trigger that has more than it may. Two that are
// added at once may leave one too many, until the next.
func (t *tx) dropOldLetters(triggerID string) (dropped int, err error) {
	rows, err := t.query(
		`SELECT id, bytes FROM dead_letters WHERE trigger_id = ? ORDER BY created_at DESC, id DESC`,
		triggerID,
	)
	if err != nil {
		return 0, err
	}
	type letter struct {
		id    string
		bytes int64
	}
	all, err := scanAll(rows, func(row scanner) (l letter, err error) { return l, row.Scan(&l.id, &l.bytes) })
	if err != nil {
		return 0, err
	}
	bytes := int64(0)
	for n, l := range all {
		if bytes += l.bytes; n == 0 || n < maxLetters && bytes <= maxLetterBytes {
			continue
		}
		gone, err := t.exec(`DELETE FROM dead_letters WHERE id = ?`, l.id)
		if err != nil {
			return dropped, err
		}
		dropped += int(gone)
	}
	return dropped, nil
}

// DeadLetter returns a dead letter of a trigger that the scope sees.
func (s *Store) DeadLetter(ctx context.Context, scope faas.Scope, triggerID, id string) (faas.DeadLetter, error) {
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
func (s *Store) DeadLetters(
	ctx context.Context, scope faas.Scope, triggerID string, q faas.Query,
) (Page[faas.DeadLetter], error) {
	q.Filters = append(slices.Clone(q.Filters), faas.Filter{Field: "trigger_id", Op: "eq", Values: []string{triggerID}})
	return list(ctx, s, &deadLetters, scope, q)
}

// DeleteDeadLetter forgets a dead letter.
func (s *Store) DeleteDeadLetter(ctx context.Context, scope faas.Scope, triggerID, id string) error {
	return s.recorder.do(ctx, func(t *tx) error { return t.takeLetter(scope, triggerID, id) })
}

// takeLetter deletes a dead letter.
func (t *tx) takeLetter(scope faas.Scope, triggerID, id string) error {
	l, err := deadLetters.scan(t.queryRow(deadLetters.selectByID()+t.grammar.forUpdate, id))
	if err := letterSeen(scope, triggerID, id, l, err); err != nil {
		return err
	}
	n, err := t.exec(`DELETE FROM dead_letters WHERE id = ?`, id)
	if err == nil && n == 0 {
		err = notFound("dead letter", id)
	}
	return err
}

// Replay has a dead letter executed again: in one transaction the letter goes and x is queued,
// which is complete. Of several who try, one does; the others hear faas.NotFound.
func (s *Store) Replay(ctx context.Context, scope faas.Scope, triggerID, id string, x faas.Execution) error {
	err := s.recorder.do(ctx, func(t *tx) error {
		if err := t.takeLetter(scope, triggerID, id); err != nil {
			return err
		}
		return t.enqueue(s.shards, &x)
	})
	if err == nil {
		s.countQueued(&x)
	}
	return err
}

// OldestDeadLetters returns dead letters of a trigger, the oldest first, limit at most, without
// their inputs.
func (s *Store) OldestDeadLetters(ctx context.Context, triggerID string, limit int) ([]string, error) {
	rows, err := s.readers.QueryContext(ctx,
		`SELECT id FROM dead_letters WHERE trigger_id = ? ORDER BY created_at, id LIMIT ?`, triggerID, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
}

// PurgeDeadLetters deletes dead letters from before the time, limit at most, and returns how many.
func (s *Store) PurgeDeadLetters(ctx context.Context, before time.Time, limit int) (int, error) {
	rows, err := s.scans.QueryContext(ctx,
		`SELECT id FROM dead_letters WHERE created_at < ? ORDER BY created_at LIMIT ?`, micros(before), limit)
	if err != nil {
		return 0, unavailable(err)
	}
	old, err := scanAll(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
	if err != nil || len(old) == 0 {
		return 0, err
	}
	purged := 0
	err = s.chores.do(ctx, func(t *tx) error {
		purged = 0
		for _, id := range old {
			n, err := t.exec(`DELETE FROM dead_letters WHERE id = ?`, id)
			if err != nil {
				return err
			}
			purged += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return purged, nil
}

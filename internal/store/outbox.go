package store

import (
	"context"
	"math/bits"
	"strings"
)

// Outbox keeps the events of notifications that are still to be sent. An event that is handed in
// with a record is written in the record's transaction, and with it or not at all: nothing that was
// recorded remains untold, whichever process dies when, and nothing is told that was not recorded.
// An event stays until DropEvents, whatever becomes of the record.
type Outbox struct{ *core }

// Event is an event that other services are to be notified of.
type Event struct {
	ID   string // a UUID. Whoever hears of it twice knows it by this
	Body string // in a format of package notify
}

// AddEvents keeps events that belong to no record, and returns when they are committed.
func (s *Outbox) AddEvents(ctx context.Context, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	return s.recorder.doSingle(ctx, func(t *tx) error { return t.outbox.add(events) })
}

// Events returns events that were not dropped, limit at most, in the order of their ids.
func (s *Outbox) Events(ctx context.Context, limit int) ([]Event, error) {
	rows, err := s.readers.QueryContext(ctx, `SELECT id, event FROM outbox ORDER BY id LIMIT ?`, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (e Event, err error) { return e, row.Scan(&e.ID, &e.Body) })
}

// DropEvents deletes events that were sent. It is no error when some are gone already.
func (s *Outbox) DropEvents(ctx context.Context, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	// Statements are prepared once and kept: an id is repeated until there are as many as a power
	// of two, so that there are few different statements.
	args := make([]any, 1<<bits.Len(uint(len(events)-1)))
	for i := range args {
		args[i] = events[min(i, len(events)-1)].ID
	}
	return s.chores.doSingle(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM outbox WHERE id IN (?`+strings.Repeat(", ?", len(args)-1)+`)`, args...)
		return err
	})
}

// outboxRows are events that are to be sent, within a transaction.
type outboxRows struct{ *statements }

func (t outboxRows) add(events []Event) error {
	query, args := insertEvents(events)
	_, err := t.exec(query, args...)
	return err
}

// insertEvents returns the statement that keeps events, one at least, and its arguments.
func insertEvents(events []Event) (query string, args []any) {
	args = make([]any, 0, 2*len(events))
	for _, e := range events {
		args = append(args, e.ID, e.Body)
	}
	return `INSERT INTO outbox (id, event) VALUES (?, ?)` + strings.Repeat(", (?, ?)", len(events)-1), args
}

// insertIfFound returns the statement that keeps an event in a packet of statements, and its
// arguments: if the change before it has found a row, as @outcome says whose last digit is that
// change's (packet.text).
func insertIfFound(e Event) (query string, args []any) {
	return `INSERT INTO outbox (id, event) SELECT ?, ? FROM DUAL WHERE RIGHT(@outcome, 1) <> '0'`, []any{e.ID, e.Body}
}

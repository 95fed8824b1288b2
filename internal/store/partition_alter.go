package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// A change of a table waits until no transaction uses it, and whatever comes after it waits for the
// change. So a reader who takes a minute would have all calls wait for a minute. Therefore a change
// has little patience: when it has waited for that, it is called off, those who wait behind it go
// on, and it is tried again a little later.

const (
	// alterPatience is how long a change may keep others waiting before it begins.
	alterPatience = 40 * time.Millisecond
	// alterTries is how often it is tried before the caller hears ErrInUse.
	alterTries = 20
	// alterPause is about how long others have between two tries.
	alterPause = 100 * time.Millisecond
)

// ErrInUse says that a table was in use whenever it was to be changed.
var ErrInUse = errors.New("the table is in use by statements that take long")

// ErrNoRight says that the database's user may not change tables.
var ErrNoRight = errors.New("the database's user may not change tables")

// alterer changes tables over a connection of its own, and watches over it by a second one.
type alterer struct {
	db   *sql.DB
	conn *sql.Conn
	id   int64 // of the connection, as the server knows it
}

func newAlterer(ctx context.Context, d dialect) (*alterer, error) {
	db, err := d.open(forMigrating)
	if err != nil {
		return nil, err
	}
	a := &alterer{db: db}
	if a.conn, err = db.Conn(ctx); err == nil {
		err = a.conn.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&a.id)
	}
	if err == nil { // should the watcher die: the shortest that MySQL knows
		_, err = a.conn.ExecContext(ctx, "SET SESSION lock_wait_timeout = 1")
	}
	if err != nil {
		a.close()
		return nil, unavailable(err)
	}
	return a, nil
}

func (a *alterer) close() {
	if a.conn != nil {
		_ = a.conn.Close()
	}
	_ = a.db.Close()
}

// alter runs a statement that changes a table that others use.
func (a *alterer) alter(ctx context.Context, query string) error {
	var err error
	for range alterTries {
		if err = a.try(ctx, query); err == nil {
			return nil
		}
		var numbered *mysql.MySQLError
		if !errors.As(err, &numbered) {
			return unavailable(err)
		}
		switch numbered.Number {
		case 1142, 1044, 1227, 1370: // a right is missing
			return fmt.Errorf("%w: %w", ErrNoRight, err)
		case 1205, 1213, 1317, 1412: // in use, a deadlock, called off, changed meanwhile
		default:
			return fmt.Errorf("%s: %w", query, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(alterPause/2 + rand.N(alterPause)):
		}
	}
	return fmt.Errorf("%w: %w", ErrInUse, err)
}

// try runs the statement once and calls it off when it has waited for too long.
func (a *alterer) try(ctx context.Context, query string) error {
	done := make(chan error, 1)
	go func() {
		_, err := a.conn.ExecContext(ctx, query)
		done <- err
	}()
	waits := time.NewTimer(alterPatience)
	defer waits.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-waits.C:
			if a.waiting(ctx) {
				_, _ = a.db.ExecContext(ctx, fmt.Sprintf("KILL QUERY %d", a.id))
			}
			waits.Reset(alterPatience / 4)
		}
	}
}

// waiting reports whether the statement waits for others to let go of the table.
func (a *alterer) waiting(ctx context.Context) bool {
	var state sql.NullString
	err := a.db.QueryRowContext(ctx, "SELECT state FROM information_schema.processlist WHERE id = ?", a.id).Scan(&state)
	return err == nil && strings.Contains(state.String, "metadata lock")
}

// exec runs a statement on what nobody else uses.
func (a *alterer) exec(ctx context.Context, query string) error {
	_, err := a.conn.ExecContext(ctx, query)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}

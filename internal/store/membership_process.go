package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Process is one that has announced itself in the database: so that it can be seen which still run
// an older release, and so that nothing is taken away from them.
type Process struct {
	Name      string // of this start of it
	Program   string // faas-api, …
	Version   string // its release, as --version prints it
	Migration int64  // the newest that it knows
	StartedAt time.Time
	SeenAt    time.Time // both by the database's clock
}

const (
	// ProcessBeat is how often a process announces itself.
	ProcessBeat = 10 * time.Second
	// ProcessSilence is after how long without a word a process counts as gone.
	ProcessSilence = 6 * ProcessBeat
)

// ErrContracted says that the schema has become one that this program cannot use.
var ErrContracted = errors.New("the database has been upgraded beyond this program")

// AnnounceProcess says that the process lives. Its name, program and version are what is read of it.
// The error is ErrContracted when the schema has lost what this program needs, which db sync does to
// no process that it sees.
func (s *Membership) AnnounceProcess(ctx context.Context, p Process) error {
	knows, err := newest(s.dialect)
	if err != nil {
		return err
	}
	err = s.chores.do(ctx, func(t *tx) error {
		now := t.grammar.now
		n, err := t.exec(`UPDATE processes SET seen_at = `+now+` WHERE name = ?`, p.Name)
		if err != nil || n > 0 {
			return err
		}
		_, err = t.exec(`INSERT INTO processes (name, program, version, migration, started_at, seen_at)
			VALUES (?, ?, ?, ?, `+now+`, `+now+`)`, p.Name, p.Program, p.Version, knows)
		if t.dialect.fault(err) == duplicate { // announced twice within a microsecond
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	var needs int64
	err = s.readers.QueryRowContext(ctx, `SELECT COALESCE(MAX(readable_by), 0) FROM schema_contracts`).Scan(&needs)
	if err != nil {
		return unavailable(err)
	}
	if needs > knows {
		return fmt.Errorf("%w: programs must know migration %d, and this one knows %d", ErrContracted, needs, knows)
	}
	return nil
}

// RemoveProcess says that the process ends. It forgets those that were killed long ago, too.
func (s *Membership) RemoveProcess(ctx context.Context, name string) error {
	return s.chores.do(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM processes WHERE name = ? OR seen_at < `+t.grammar.now+` - ?`,
			name, forgetEngineAfter.Microseconds())
		return err
	})
}

// liveProcesses returns the processes that have announced themselves within the time, by name.
func liveProcesses(ctx context.Context, db *sql.DB, g grammar, within time.Duration) ([]Process, error) {
	rows, err := db.QueryContext(ctx, `SELECT name, program, version, migration, started_at, seen_at FROM processes
		WHERE seen_at > `+g.now+` - ? ORDER BY name`, within.Microseconds())
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (p Process, err error) {
		return p, row.Scan(&p.Name, &p.Program, &p.Version, &p.Migration, timeColumn{&p.StartedAt}, timeColumn{&p.SeenAt})
	})
}

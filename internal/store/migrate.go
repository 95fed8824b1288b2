package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*/*.sql
var embedded embed.FS

// migrations are those of this program. Tests put others in their place.
var migrations fs.FS = embedded

// Migrate makes the database at the url, or brings it up to date with this program. On a server,
// the database and its user are there already, and one program migrates at a time. Processes of the
// release before may run meanwhile, and go on. A migration that takes away what a process still
// needs is refused, as is all that comes after it. A schema that is newer than this program is left
// as it is.
func Migrate(ctx context.Context, url string) error {
	d, err := dialectOf(url)
	if err != nil {
		return err
	}
	if err := d.create(); err != nil {
		return err
	}
	known, err := knownMigrations(d)
	if err != nil {
		return err
	}
	return withSchema(d, func(db *sql.DB, p *goose.Provider) error {
		has, err := p.GetDBVersion(ctx)
		if err != nil {
			return err
		}
		for _, m := range known {
			if m.readableBy == 0 || m.version <= has {
				continue
			}
			if _, err := p.UpTo(ctx, m.version-1); err != nil {
				return err
			}
			if err := contract(ctx, d, db, m); err != nil {
				return err
			}
		}
		_, err = p.Up(ctx)
		return err
	})
}

// contract makes sure that no process needs what the migration takes away, and that none starts that
// does. The note is committed before the processes are read, and a process announces itself before it
// reads the notes: of two that come at once, one sees the other.
func contract(ctx context.Context, d dialect, db *sql.DB, m migration) error {
	if err := note(ctx, db, m); err != nil || !d.grammar().fenced {
		return err // an embedded database is one process's, and that migrates it
	}
	older, err := liveWithout(ctx, d, db, m)
	if err != nil || len(older) == 0 {
		return err
	}
	if _, err := db.ExecContext(ctx, `DELETE FROM schema_contracts WHERE version = ?`, m.version); err != nil {
		return err
	}
	return fmt.Errorf("migration %d takes away what programs older than migration %d need, and these run: %s; "+
		"upgrade them to the release before this one first, or end them", m.version, m.readableBy, strings.Join(older, ", "))
}

// liveWithout returns the processes that live and do not know what the migration wants them to.
func liveWithout(ctx context.Context, d dialect, db *sql.DB, m migration) (older []string, err error) {
	live, err := liveProcesses(ctx, db, d.grammar(), ProcessSilence)
	for _, p := range live {
		if p.Migration < m.readableBy {
			older = append(older, fmt.Sprintf("%s %s (%s)", p.Program, p.Name, p.Version))
		}
	}
	return older, err
}

// note writes down which programs can use the schema from the migration on, once.
func note(ctx context.Context, db *sql.DB, m migration) error {
	if _, err := db.ExecContext(ctx, `DELETE FROM schema_contracts WHERE version = ?`, m.version); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, `INSERT INTO schema_contracts (version, readable_by) VALUES (?, ?)`, m.version, m.readableBy)
	return err
}

// SchemaVersion returns the version of the database's schema and the one that this program needs.
func SchemaVersion(ctx context.Context, url string) (has, needs int64, err error) {
	d, err := dialectOf(url)
	if err != nil {
		return 0, 0, err
	}
	if err := d.exists(); err != nil {
		return 0, 0, err
	}
	err = withSchema(d, func(_ *sql.DB, p *goose.Provider) error {
		has, needs, err = p.GetVersions(ctx)
		return err
	})
	return has, needs, err
}

func withSchema(d dialect, do func(*sql.DB, *goose.Provider) error) error {
	db, err := d.open(forMigrating)
	if err != nil {
		return err
	}
	schema := d.schema()
	files, err := fs.Sub(migrations, schema.folder)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	p, err := goose.NewProvider(schema.reader, db, files)
	if err != nil {
		return errors.Join(fmt.Errorf("migrations: %w", err), db.Close())
	}
	if err := do(db, p); err != nil {
		return errors.Join(fmt.Errorf("migrations: %w", err), p.Close())
	}
	return p.Close() // closes the database, too
}

// migration is a step of the schema.
type migration struct {
	version int64
	// readableBy is the newest migration that a program must know at least to work on the schema
	// from this step on. 0: the step only adds, and every program that worked goes on (expand).
	readableBy int64
}

// firstSaid is the first migration that says what it is. Programs older than it refuse every schema
// but their own.
const firstSaid = 29

// knownMigrations returns this program's migrations, oldest first.
func knownMigrations(d dialect) (all []migration, err error) {
	names, err := fs.Glob(migrations, d.schema().folder+"/*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			return nil, err
		}
		m, err := readMigration(name, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b migration) int { return int(a.version - b.version) })
	return all, nil
}

// readMigration reads what a migration says of itself: the line "-- +faas expand" or "-- +faas
// contract N".
func readMigration(name, text string) (m migration, err error) {
	if m.version, err = goose.NumericComponent(name); err != nil {
		return m, err
	}
	for line := range strings.Lines(text) {
		kind, said := strings.CutPrefix(strings.TrimSpace(line), "-- +faas ")
		switch {
		case !said:
			continue
		case kind == "expand":
			return m, nil
		}
		if _, err := fmt.Sscanf(kind, "contract %d", &m.readableBy); err != nil || m.readableBy < firstSaid || m.readableBy >= m.version {
			return m, fmt.Errorf("%s: %q must be expand, or contract N, where programs that know migration N of the "+
				"release before do without what it takes away", name, kind)
		}
		return m, nil
	}
	if m.version >= firstSaid {
		return m, fmt.Errorf("%s must say -- +faas expand or -- +faas contract N", name)
	}
	return m, nil
}

// newest returns the newest migration that this program knows.
func newest(d dialect) (int64, error) {
	all, err := knownMigrations(d)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return all[len(all)-1].version, nil
}

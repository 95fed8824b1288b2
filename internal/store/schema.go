package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
)

// refuseOtherSchema holds the database's version against the newest migration that this program
// knows, and says what to do when it cannot work on it. A newer schema is good as long as nothing
// was taken away from it that this program needs.
func refuseOtherSchema(ctx context.Context, d dialect, db *sql.DB, log *slog.Logger) error {
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("the database %s cannot be reached: %w", d, unavailable(err))
	}
	knows, err := newest(d)
	if err != nil {
		return err
	}
	var has int64
	err = db.QueryRowContext(ctx,
		`SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied = 1`).Scan(&has)
	switch {
	case err != nil:
		return fmt.Errorf("the database %s does not have the schema of this service; create it with: faas-manage db sync: %w", d, err)
	case has < knows:
		return fmt.Errorf("the schema of %s is version %d and this program needs %d; run: faas-manage db sync", d,
			has, knows)
	case has == knows:
		return nil
	}
	if err := readable(ctx, db, has, knows); err != nil {
		return fmt.Errorf("the schema of %s %w", d, err)
	}
	log.Info("the schema of the database is newer than this program, which can use it", "version", has, "knows", knows)
	return nil
}

// readable reports whether a program that knows the migrations up to knows can use the newer schema.
// Schemas of before there were contracts have no table of them.
func readable(ctx context.Context, db *sql.DB, has, knows int64) error {
	var needs int64
	err := db.QueryRowContext(ctx, `SELECT COALESCE(MAX(readable_by), 0) FROM schema_contracts`).Scan(&needs)
	if err != nil {
		return fmt.Errorf("is version %d, newer than this program's %d: %w", has, knows, err)
	}
	if needs > knows {
		return fmt.Errorf("is version %d, which programs that know migration %d at least can use: "+
			"it is too new for this program, which knows %d; run a newer program", has, needs, knows)
	}
	return nil
}

// Schema is how a database and this program fit together.
type Schema struct {
	Has, Knows int64 // the newest migration in the database, and that of this program
	// Unfit says why this program cannot use the database; nil when it can.
	Unfit     error
	Processes []Process // those that live and have announced themselves, by name
}

// LookAtSchema returns how the database at the url and this program fit together.
func LookAtSchema(ctx context.Context, url string) (s Schema, err error) {
	if s.Has, s.Knows, err = SchemaVersion(ctx, url); err != nil {
		return s, err
	}
	if s.Has < firstSaid {
		s.Unfit = fmt.Errorf("is version %d, and this program needs %d; run: faas-manage db sync", s.Has, s.Knows)
		return s, nil
	}
	d, err := dialectOf(url)
	if err != nil {
		return s, err
	}
	db, err := d.open(forHealth)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	switch {
	case s.Has < s.Knows:
		s.Unfit = fmt.Errorf("is version %d, and this program needs %d; run: faas-manage db sync", s.Has, s.Knows)
	case s.Has > s.Knows:
		s.Unfit = readable(ctx, db, s.Has, s.Knows)
	}
	s.Processes, err = liveProcesses(ctx, db, d.grammar(), ProcessSilence)
	return s, err
}

package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// Migrate makes the database at the url, or brings it up to date with this program. On a server,
// the database and its user are there already, and one program migrates at a time.
func Migrate(ctx context.Context, url string) error {
	d, err := dialectOf(url)
	if err != nil {
		return err
	}
	if err := d.create(); err != nil {
		return err
	}
	return withSchema(d, func(p *goose.Provider) error {
		_, err := p.Up(ctx)
		return err
	})
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
	err = withSchema(d, func(p *goose.Provider) error {
		has, needs, err = p.GetVersions(ctx)
		return err
	})
	return has, needs, err
}

func withSchema(d dialect, do func(*goose.Provider) error) error {
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
	if err := do(p); err != nil {
		return errors.Join(fmt.Errorf("migrations: %w", err), p.Close())
	}
	return p.Close() // closes the database, too
}

// refuseOtherSchema holds the database's version against the newest migration, and says what to do
// when they differ.
func refuseOtherSchema(ctx context.Context, d dialect, db *sql.DB) error {
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("the database %s cannot be reached: %w", d, unavailable(err))
	}
	names, err := fs.Glob(migrations, d.schema().folder+"/*.sql")
	if err != nil {
		return err
	}
	var needs, has int64
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return err
		}
		needs = max(needs, version)
	}
	err = db.QueryRowContext(ctx,
		`SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied = 1`).Scan(&has)
	switch {
	case err != nil:
		return fmt.Errorf("the database %s does not have the schema of this service; create it with: faas-manage db sync: %w", d, err)
	case has < needs:
		return fmt.Errorf("the schema of %s is version %d and this program needs %d; run: faas-manage db sync", d,
			has, needs)
	case has > needs:
		return fmt.Errorf("the schema of %s is version %d, newer than this program's %d; run a newer program", d,
			has, needs)
	}
	return nil
}

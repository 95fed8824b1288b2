package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/pressly/goose/v3"
)

// FinishUpgrade is for when all processes are of this release and none is to go back: from their
// next start on, they do what the release before would not understand. Doing it twice does no harm.
// It is refused while a process of the release before lives.
func FinishUpgrade(ctx context.Context, url string) error {
	has, knows, err := SchemaVersion(ctx, url)
	if err != nil {
		return err
	}
	if has < knows {
		return fmt.Errorf("the schema is version %d and this program has %d; run first: faas-manage db sync", has, knows)
	}
	d, err := dialectOf(url)
	if err != nil {
		return err
	}
	return withSchema(d, func(db *sql.DB, _ *goose.Provider) error {
		form, err := readForm(ctx, db)
		if err != nil || form.above != never {
			return err
		}
		m := migration{version: contentsSince, readableBy: contentsSince}
		if err := note(ctx, db, m); err != nil {
			return err
		}
		older, err := liveWithout(ctx, d, db, m)
		if err != nil || len(older) == 0 {
			return err
		}
		if _, err := db.ExecContext(ctx, `DELETE FROM schema_contracts WHERE version = ?`, m.version); err != nil {
			return err
		}
		return fmt.Errorf("these are of an older release, which would read records wrongly: %s; upgrade or end them",
			strings.Join(older, ", "))
	})
}

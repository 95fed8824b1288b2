package store_test

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestMigrationsThatWereInterrupted has `db sync` end at many a point: MariaDB commits each change
// of the schema by itself, and goose notes a migration when all of it is done.
func TestMigrationsThatWereInterrupted(t *testing.T) {
	server := mariadb(t)
	whole := server.Database(t)
	fatal(t, store.Migrate(t.Context(), whole))
	_, needs, err := store.SchemaVersion(t.Context(), whole)
	fatal(t, err)
	type state struct {
		begun int64    // the migration that is begun and not noted, nor is any later one
		undo  []string // what it has not done yet
	}
	states := []state{
		{1, []string{"DROP TABLE writers", "DROP TABLE executions"}},
		{2, []string{"ALTER TABLE functions DROP COLUMN code_protocol"}},
		{3, []string{"ALTER TABLE functions DROP COLUMN code_etag, DROP COLUMN trust_id, DROP COLUMN trust_roles"}},
		{6, []string{"DROP TABLE quota_usages"}},
		{8, []string{"DROP TABLE package_notes"}},
		{10, []string{"DROP TABLE engines", "DELETE FROM shards WHERE id > 20"}},
		{21, []string{"ALTER TABLE functions DROP COLUMN registry_user, DROP COLUMN registry_password"}},
		{12, []string{"DELETE FROM due_work WHERE kind = 'package-search'"}},
		{7, []string{"DELETE FROM quota_usages WHERE resource = 'package_bytes'"}},
	}
	for version := range needs {
		states = append(states, state{begun: version + 1})
	}
	// One database for all: each state is mended before the next begins.
	url := server.Database(t)
	f := withFunction(t, url)
	db, err := server.Open(url)
	fatal(t, err)
	defer db.Close()
	for _, s := range states {
		mended := t.Run(fmt.Sprintf("%d %q", s.begun, s.undo), func(t *testing.T) {
			for _, statement := range append(s.undo, fmt.Sprintf("DELETE FROM goose_db_version WHERE version_id >= %d", s.begun)) {
				_, err := db.ExecContext(t.Context(), statement)
				fatal(t, err)
			}
			fatal(t, store.Migrate(t.Context(), url))
			if got, want := columns(t, db), columnsOf(t, server.Open, whole); !slices.Equal(got, want) {
				t.Errorf("the columns are %q, want %q", got, want)
			}
			again := open(t, url, nil)
			if _, err := again.Function(t.Context(), faas.AnyProject(), f.ID); err != nil {
				t.Error(err)
			}
			if usage, err := again.QuotaUsage(t.Context(), "p"); err != nil || usage[faas.ResourceFunctions] != 1 ||
				usage[faas.ResourcePackages] != 7 {
				t.Errorf("the project is said to have %v, %v", usage, err)
			}
		})
		if !mended {
			return
		}
	}
}

// withFunction makes a database with one function.
func withFunction(t *testing.T, url string) faas.Function {
	t.Helper()
	s := open(t, url, nil)
	r, err := s.CreateRuntime(t.Context(), faas.Runtime{ProjectID: "p", Image: "python3", Status: faas.RuntimeAvailable})
	fatal(t, err)
	f, err := s.CreateFunction(t.Context(), faas.Function{
		ProjectID: "p", RuntimeID: r.ID, Entry: "main.main", Code: faas.Code{Source: faas.SourcePackage, SHA256: "s", Size: 7},
	}, nil)
	fatal(t, err)
	fatal(t, s.Close())
	return f
}

func columnsOf(t *testing.T, open func(string) (*sql.DB, error), url string) []string {
	t.Helper()
	db, err := open(url)
	fatal(t, err)
	defer db.Close()
	return columns(t, db)
}

// columns returns every column of the database with its type.
func columns(t *testing.T, db *sql.DB) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(
		t.Context(),
		`SELECT CONCAT_WS(' ', table_name, column_name, column_type, COALESCE(collation_name, ''), COALESCE(column_default, ''))
		FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, column_name`,
	)
	fatal(t, err)
	defer rows.Close()
	for rows.Next() {
		var one string
		fatal(t, rows.Scan(&one))
		all = append(all, one)
	}
	fatal(t, rows.Err())
	return all
}

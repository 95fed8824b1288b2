package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// later are the migrations of releases to come: one adds, the other takes away what programs do not
// use any more that know the first.
func later(newest int64) (adds, takes map[string]string) {
	adds = map[string]string{
		fmt.Sprintf("%04d_adds.sql", newest+1): "-- +goose Up\n-- +faas expand\nALTER TABLE functions ADD COLUMN later INT NOT NULL DEFAULT 7;\n",
	}
	takes = map[string]string{
		fmt.Sprintf("%04d_takes.sql", newest+2): fmt.Sprintf("-- +goose Up\n-- +faas contract %d\nALTER TABLE functions DROP COLUMN later;\n", newest+1),
	}
	for name, text := range adds {
		takes[name] = text
	}
	return adds, takes
}

// TestSchemasOfLaterReleases has a program of this release run on, start and migrate while the schema
// becomes that of the next release and of the one after it.
func TestSchemasOfLaterReleases(t *testing.T) {
	for name, url := range map[string]string{"SQLite": newURL(t), "MariaDB": mariadb(t).Database(t)} {
		t.Run(name, func(t *testing.T) {
			f := withFunction(t, url)
			has, _, err := store.SchemaVersion(t.Context(), url)
			fatal(t, err)
			adds, takes := later(has)
			running := open(t, url, nil)
			fatal(t, running.AnnounceProcess(t.Context(), store.Process{Name: "old", Program: "faas-api", Version: "v1"}))

			forget := store.WithMigrations(t, adds)
			fatal(t, store.Migrate(t.Context(), url))
			forget()
			works(t, running, f)
			works(t, open(t, url, nil), f) // and whose db sync does no harm
			looks(t, url, store.Schema{Has: has + 1, Knows: has}, "old", "")

			if name == "MariaDB" { // the other is one process's
				forget = store.WithMigrations(t, takes)
				err = store.Migrate(t.Context(), url)
				if err == nil || !strings.Contains(err.Error(), "these run: faas-api old (v1)") {
					t.Errorf("what a process needs is taken away: %v", err)
				}
				forget()
				works(t, open(t, url, nil), f)
			}
			fatal(t, running.AnnounceProcess(t.Context(), store.Process{Name: "old"}))
			fatal(t, running.RemoveProcess(t.Context(), "old"))
			forget = store.WithMigrations(t, takes)
			fatal(t, store.Migrate(t.Context(), url))
			looks(t, url, store.Schema{Has: has + 2, Knows: has + 2}, "", "")
			forget()
			if _, err := store.Open(t.Context(), url, store.Options{}); err == nil ||
				!strings.Contains(err.Error(), "too new for this program") {
				t.Errorf("a program starts whose columns are gone: %v", err)
			}
			looks(t, url, store.Schema{Has: has + 2, Knows: has}, "", "run a newer program")
			if err := running.AnnounceProcess(t.Context(), store.Process{Name: "old"}); !errors.Is(err, store.ErrContracted) {
				t.Errorf("a program that nobody saw hears nothing of it: %v", err)
			}
		})
	}
}

// works has the store read and write.
func works(t *testing.T, s *store.Store, f faas.Function) {
	t.Helper()
	if _, err := s.Function(t.Context(), faas.AnyProject(), f.ID); err != nil {
		t.Error(err)
	}
	f.ID, f.Name = "", t.Name()
	if _, err := s.CreateFunction(t.Context(), f, nil); err != nil {
		t.Error(err)
	}
}

func looks(t *testing.T, url string, want store.Schema, process, unfit string) {
	t.Helper()
	got, err := store.LookAtSchema(t.Context(), url)
	fatal(t, err)
	if got.Has != want.Has || got.Knows != want.Knows {
		t.Errorf("got %d and %d, want %d and %d", got.Has, got.Knows, want.Has, want.Knows)
	}
	if (got.Unfit == nil) != (unfit == "") || got.Unfit != nil && !strings.Contains(got.Unfit.Error(), unfit) {
		t.Errorf("unfit because %v, want %q", got.Unfit, unfit)
	}
	var names []string
	for _, p := range got.Processes {
		names = append(names, p.Name)
	}
	if strings.Join(names, " ") != process {
		t.Errorf("the processes are %q, want %q", names, process)
	}
}

// TestMigrationsSayWhatTheyAre wants of each migration whether programs of the release before go on.
func TestMigrationsSayWhatTheyAre(t *testing.T) {
	url := newURL(t)
	fatal(t, store.Migrate(t.Context(), url))
	for text, want := range map[string]string{
		"-- +goose Up\nDO 0;":                       "must say -- +faas expand",
		"-- +goose Up\n-- +faas shrink\nDO 0;":      "must be expand, or contract N",
		"-- +goose Up\n-- +faas contract 9999\n":    "must be expand, or contract N",
		"-- +goose Up\n-- +faas contract 28\n":      "must be expand, or contract N",
		"-- +goose Up\n-- +faas contract of all\n ": "must be expand, or contract N",
	} {
		forget := store.WithMigrations(t, map[string]string{"9999_next.sql": text})
		err := store.Migrate(t.Context(), url)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		forget()
	}
}

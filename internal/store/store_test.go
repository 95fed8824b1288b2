package store_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

func newURL(t testing.TB) string {
	return "sqlite:///" + filepath.Join(t.TempDir(), "odd ?name%#", "faas.sqlite")
}

func open(t testing.TB, url string, now func() time.Time) *store.Store {
	t.Helper()
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) (*store.Store, func() *store.Store) {
		url := newURL(t)
		s := open(t, url, now)
		return s, func() *store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, url, now)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	missing := newURL(t)
	old := newURL(t)
	open(t, old, nil)
	change := func(query string) {
		t.Helper()
		db, err := sql.Open(
			"sqlite",
			"file:"+strings.NewReplacer("?", "%3f", "%", "%25", "#", "%23").Replace(strings.TrimPrefix(old, "sqlite:///")),
		)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	refuses := func(url, words string) {
		t.Helper()
		s, err := store.Open(t.Context(), url, store.Options{})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v; it should say %q", url, err, words)
		}
	}
	for url, words := range map[string]string{
		"": "sqlite:////absolute/path", "mysql://x": "names no user", "sqlite:///": "sqlite:////absolute/path", missing: "faas-manage db sync",
	} {
		refuses(url, words)
	}
	change("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
	change("INSERT INTO schema_contracts (version, readable_by) VALUES (999, 998)")
	refuses(old, "too new for this program")
	change("DELETE FROM goose_db_version WHERE version_id > 0")
	refuses(old, "faas-manage db sync")
	has, needs, err := store.SchemaVersion(t.Context(), old)
	if err != nil || has != 0 || needs < 1 {
		t.Errorf("version %d of %d, %v", has, needs, err)
	}
}

func TestOnlyItsOwnerReadsTheDatabase(t *testing.T) {
	url := newURL(t)
	s := open(t, url, nil)
	if err := s.Enqueue(t.Context(), faas.Execution{ID: faas.NewID()}); err != nil { // has the files beside it made, too
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(strings.TrimPrefix(url, "sqlite:///")), "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

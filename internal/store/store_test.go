package store_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newURL(t testing.TB) string {
	return "sqlite:///" + filepath.Join(t.TempDir(), "odd ?name%#", "faas.sqlite")
}

func open(t testing.TB, url string, now func() time.Time) *store.Store {
	t.Helper()
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
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
		db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("?", "%3f", "%", "%25", "#", "%23").Replace(strings.TrimPrefix(old, "sqlite:///")))
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
		"": "sqlite:////absolute/path", "mysql://x": "sqlite:////absolute/path", "sqlite:///": "sqlite:////absolute/path", missing: "faas-manage db sync",
	} {
		refuses(url, words)
	}
	change("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
	refuses(old, "newer than this program")
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

// BenchmarkFunction is the read that every call begins with, by a caller who may cancel.
func BenchmarkFunction(b *testing.B) {
	s := open(b, newURL(b), nil)
	r, err := s.CreateRuntime(b.Context(), faas.Runtime{ProjectID: "p", Status: faas.RuntimeAvailable})
	if err != nil {
		b.Fatal(err)
	}
	f, err := s.CreateFunction(b.Context(), faas.Function{ProjectID: "p", RuntimeID: r.ID, Entry: "main.main"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Function(b.Context(), faas.OneProject("p"), f.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCall is what the records of one synchronous call cost, with many callers and with one.
func BenchmarkCall(b *testing.B) {
	for _, callers := range []int{1, 20} {
		b.Run(map[int]string{1: "one", 20: "twenty"}[callers], func(b *testing.B) {
			s := open(b, newURL(b), nil)
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan error, callers)
			b.ResetTimer()
			for range callers {
				go func() {
					for left.Add(-1) >= 0 {
						x := faas.Execution{ID: faas.NewID(), ProjectID: "p", FunctionID: "f", Input: `{"n":1}`, LeaseUntil: time.Now().Add(time.Minute)}
						if err := s.Start(b.Context(), x); err != nil {
							done <- err
							return
						}
						if err := s.Finish(b.Context(), x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: `{"duration": 0.001, "output": 1}`}); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range callers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

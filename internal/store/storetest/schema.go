package storetest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/openstack-faas/faas/internal/store"
)

// Migrate makes the schema in the database of a test. A file of SQLite that is not there yet becomes a
// copy of one that all tests of a process share: the migrations one by one take a second with the
// race detector, and most tests are not about them.
func Migrate(t testing.TB, url string) {
	t.Helper()
	if err := migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
}

func migrate(ctx context.Context, url string) error {
	path, isFile := strings.CutPrefix(url, "sqlite:///")
	if !isFile {
		return store.Migrate(ctx, url)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return store.Migrate(ctx, url)
	}
	schema, err := emptyFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, schema, 0o600)
}

// emptyFile returns a file of SQLite that has the schema and no rows.
var emptyFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "faas-schema-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "faas.sqlite")
	if err := store.Migrate(context.Background(), "sqlite:///"+path); err != nil {
		return nil, err
	}
	// What was committed may still be in the log beside the file.
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return nil, errors.New(path + ": its migrations are in its log")
	}
	return os.ReadFile(path)
})

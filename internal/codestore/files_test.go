package codestore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/codestore/codestoretest"
)

func TestFiles(t *testing.T) {
	codestoretest.Run(t, func(t *testing.T) codestore.Store {
		f, err := codestore.NewFiles(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return f
	})
}

func TestFilesClearsWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	staging := filepath.Join(dir, "staging")
	if err := os.MkdirAll(staging, 0o700); err != nil {
		t.Fatal(err)
	}
	old, fresh := filepath.Join(staging, "old"), filepath.Join(staging, "fresh")
	for _, path := range []string{old, fresh} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := codestore.NewFiles(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Error("an old half-written package is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error("a package that another process may be writing was taken away")
	}
}

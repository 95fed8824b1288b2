package testkit

import (
	"os"
	"testing"
)

// SharedFolder returns a folder in which a test and the functions of local workers meet, whoever
// these run as. As root it is not in /tmp: workers have one of their own.
func SharedFolder(t testing.TB) string {
	t.Helper()
	parent := ""
	if os.Geteuid() == 0 {
		parent = "/var/cache"
	}
	folder, err := os.MkdirTemp(parent, "faas-shared-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	return folder
}

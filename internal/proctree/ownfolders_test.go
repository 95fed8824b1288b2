package proctree

import (
	"os"
	"testing"
)

// BenchmarkOwnFolders measures what folders of its own add to the start of a worker: a thread, a
// mount namespace and its mounts.
func BenchmarkOwnFolders(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("only root may mount")
	}
	home := b.TempDir()
	for b.Loop() {
		if err := withOwnFolders(home, func() {}); err != nil {
			b.Fatal(err)
		}
	}
}

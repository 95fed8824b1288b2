package archive_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/openstack-faas/faas/internal/archive"
	"github.com/openstack-faas/faas/internal/faas"
)

func seeds(f *testing.F) {
	f.Add([]byte("PK\x05\x06" + string(make([]byte, 18))))
	f.Add(pack(f, entry{name: "main.py", data: "def main(): pass\n"}))
	f.Add(pack(f, entry{name: "a/"}, entry{name: "a/b", data: "b"}))
	f.Add(pack(f, entry{name: "../up", data: "b"}, entry{name: "l", mode: fs.ModeSymlink | 0o777, data: "/etc"}))
}

func FuzzCheck(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := archive.Check(bytes.NewReader(b), int64(len(b))); err != nil && faas.KindOf(err) != faas.Invalid {
			t.Errorf("blames us: %v", err)
		}
	})
}

// FuzzUnpack asks that whatever Check lets pass unpacks, and that nothing ever lands beside the
// directory.
func FuzzUnpack(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		around := t.TempDir()
		dir := filepath.Join(around, "code")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		good := archive.Check(bytes.NewReader(b), int64(len(b))) == nil
		err := archive.Unpack(bytes.NewReader(b), int64(len(b)), dir)
		if good && err != nil {
			t.Errorf("passed the check, then: %v", err)
		}
		if names, _ := os.ReadDir(around); len(names) != 1 {
			t.Errorf("there is something beside the directory: %v", names)
		}
	})
}

package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/archive"
	"github.com/openstack-faas/faas/internal/faas"
)

// entry is one entry of a zip made for a test.
type entry struct {
	name string
	mode fs.FileMode
	data string
}

func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name}
		if e.data != "" {
			h.Method = zip.Deflate
		}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.data)); err != nil && e.data != "" {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// central returns a zip whose first central header was changed by edit.
func central(t *testing.T, b []byte, edit func(header []byte)) []byte {
	t.Helper()
	b = bytes.Clone(b)
	at := bytes.Index(b, []byte("PK\x01\x02"))
	if at < 0 {
		t.Fatal("no central directory")
	}
	edit(b[at:])
	return b
}

func many(n int) []entry {
	entries := make([]entry, n)
	for i := range entries {
		entries[i].name = fmt.Sprintf("f%d", i)
	}
	return entries
}

func refusals(t *testing.T) map[string]struct {
	zip  []byte
	says string
} {
	ok := entry{name: "main.py", data: "def main(): pass\n"}
	plain := pack(t, ok)
	return map[string]struct {
		zip  []byte
		says string
	}{
		"empty":         {nil, "not a zip file"},
		"not a zip":     {[]byte("hello, this is no zip at all, but long enough to be looked at"), "not a zip file"},
		"cut short":     {plain[:len(plain)-10], "not a zip file"},
		"parent":        {pack(t, entry{name: "../x"}), "leads out of the package"},
		"parent inside": {pack(t, entry{name: "a/../../x"}), "leads out of the package"},
		"absolute":      {pack(t, entry{name: "/etc/passwd"}), "absolute"},
		"drive":         {pack(t, entry{name: "C:x"}), "drive letter"},
		"backslash":     {pack(t, entry{name: `a\b`}), "backslash"},
		"NUL":           {pack(t, entry{name: "a\x00b"}), "NUL"},
		"dot":           {pack(t, entry{name: "./a"}), "shortest form"},
		"double slash":  {pack(t, entry{name: "a//b"}), "shortest form"},
		"symlink":       {pack(t, entry{name: "link", mode: fs.ModeSymlink | 0o777, data: "/etc"}), "symbolic link"},
		"device":        {pack(t, entry{name: "dev", mode: fs.ModeDevice | 0o666}), "neither a file nor a directory"},
		"fifo": {
			pack(t, entry{name: "pipe", mode: fs.ModeNamedPipe | 0o666}),
			"neither a file nor a directory",
		},
		"directory as file":   {pack(t, entry{name: "d", mode: fs.ModeDir | 0o755}), "disagree"},
		"twice":               {pack(t, ok, ok), "another entry has its name"},
		"file over directory": {pack(t, entry{name: "a/b"}, entry{name: "a"}), "another entry has its name"},
		"below a file":        {pack(t, entry{name: "a"}, entry{name: "a/b"}), "another entry has its name"},
		"too many":            {pack(t, many(faas.MaxPackageEntries+1)...), "entries; at most"},
		"name too long":       {pack(t, entry{name: strings.Repeat("d/", 600) + "x"}), "too long"},
		"part too long":       {pack(t, entry{name: strings.Repeat("x", 256)}), "too long"},
		"too deep":            {pack(t, entry{name: strings.Repeat("d/", 100) + "x"}), "too deep"},
		"encrypted":           {central(t, plain, func(h []byte) { h[8] |= 1 }), "encrypted"},
		"method":              {central(t, plain, func(h []byte) { h[10] = 12 }), "neither stored nor deflated"},
		"declared too large": {central(t, plain, func(h []byte) {
			binary.LittleEndian.PutUint32(h[24:], faas.MaxUnpackedSize+1)
		}), "larger than"},
		"wrong checksum": {central(t, plain, func(h []byte) { h[16] ^= 0xff }), "checksum"},
		"declared too small": {central(t, plain, func(h []byte) {
			binary.LittleEndian.PutUint32(h[24:], 3)
		}), "main.py"},
	}
}

func TestRefused(t *testing.T) {
	for name, c := range refusals(t) {
		t.Run(name, func(t *testing.T) {
			check := archive.Check(bytes.NewReader(c.zip), int64(len(c.zip)))
			unpack := archive.Unpack(bytes.NewReader(c.zip), int64(len(c.zip)), t.TempDir())
			for _, err := range []error{check, unpack} {
				if faas.KindOf(err) != faas.Invalid {
					t.Fatalf("got %v, want kind invalid", err)
				}
				if !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %q, want it to say %q", err, c.says)
				}
			}
		})
	}
}

func TestUnpack(t *testing.T) {
	b := pack(t,
		entry{name: "main.py", data: "x = 1\n"},
		entry{name: "pkg/", mode: fs.ModeDir | 0o700},
		entry{name: "pkg/deep/mod.py", data: "y = 2\n"},
		entry{name: "bin/tool", mode: 0o700, data: "#!/bin/sh\n"},
		entry{name: "setuid", mode: fs.ModeSetuid | 0o755, data: "x"},
	)
	if err := archive.Check(bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := archive.Unpack(bytes.NewReader(b), int64(len(b)), dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		mode fs.FileMode
		data string
	}{
		"main.py": {0o444, "x = 1\n"}, "pkg": {fs.ModeDir | 0o755, ""}, "pkg/deep": {fs.ModeDir | 0o755, ""},
		"pkg/deep/mod.py": {0o444, "y = 2\n"}, "bin/tool": {0o555, "#!/bin/sh\n"}, "setuid": {0o555, "x"},
	} {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want.mode {
			t.Errorf("%s: mode %v, want %v", name, info.Mode(), want.mode)
		}
		if info.IsDir() {
			continue
		}
		if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != want.data {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestUnpackStaysInside(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "way")); err != nil {
		t.Fatal(err)
	}
	b := pack(t, entry{name: "way/out", data: "x"})
	if err := archive.Unpack(bytes.NewReader(b), int64(len(b)), dir); err == nil {
		t.Error("followed a link that was there before")
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("wrote %v outside", left)
	}
}

// A failing disk is our trouble, not the package's.
func TestUnpackDiskError(t *testing.T) {
	b := pack(t, entry{name: "a", data: "x"})
	err := archive.Unpack(bytes.NewReader(b), int64(len(b)), filepath.Join(t.TempDir(), "missing"))
	if faas.KindOf(err) != faas.Internal {
		t.Errorf("got %v, want an internal error", err)
	}
}

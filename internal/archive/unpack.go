package archive

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// The modes of what is unpacked: nobody writes to a function's code, everybody on the worker may
// read it.
const (
	dirMode        = 0o755
	fileMode       = 0o444
	executableMode = 0o555
)

// Unpack writes the zip's files below dir, which must exist, making the checks of Check on the way.
// It follows nothing that leads out of dir and replaces nothing that is there. Refusals are errors
// like Check's; what the disk says comes back wrapped. After an error dir holds a part of the
// package.
func Unpack(r io.ReaderAt, size int64, dir string) error {
	files, err := inspect(r, size)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open code directory: %w", err)
	}
	defer root.Close()
	u := unpacker{root: root, made: map[string]bool{".": true}, left: faas.MaxUnpackedSize}
	for _, f := range files {
		if err := u.entry(f); err != nil {
			return err
		}
	}
	return nil
}

type unpacker struct {
	root *os.Root
	made map[string]bool // directories
	left int64           // bytes that may still be written
}

func (u *unpacker) entry(f *zip.File) error {
	if name, isDir := strings.CutSuffix(f.Name, "/"); isDir {
		return u.dir(name)
	}
	if err := u.dir(path.Dir(f.Name)); err != nil {
		return err
	}
	mode := fs.FileMode(fileMode)
	if f.Mode()&0o111 != 0 {
		mode = executableMode
	}
	out, err := u.root.OpenFile(f.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("unpack %q: %w", shorten(f.Name), err)
	}
	n, err := inflate(f, out, u.left)
	u.left -= n
	// The umask of the process must not decide whether a worker's own user can read its code.
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// dir makes a directory and those it lies in.
func (u *unpacker) dir(name string) error {
	if u.made[name] {
		return nil
	}
	if err := u.dir(path.Dir(name)); err != nil {
		return err
	}
	if err := u.root.Mkdir(name, dirMode); err != nil {
		return fmt.Errorf("unpack %q: %w", shorten(name), err)
	}
	if err := u.root.Chmod(name, dirMode); err != nil {
		return fmt.Errorf("unpack %q: %w", shorten(name), err)
	}
	u.made[name] = true
	return nil
}

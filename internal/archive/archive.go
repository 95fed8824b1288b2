// Package archive checks and unpacks function packages: zip files from people whom nobody here
// trusts. Neither function believes a size or a name that the zip declares.
package archive

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// Check reads the whole zip and reports whether it may become a function's code. It inflates every
// entry, because what an entry declares as its size may be a lie, and keeps nothing. The error is a
// *faas.Error of kind Invalid that names the entry and says what is wrong with it; errors of r
// itself come back wrapped.
func Check(r io.ReaderAt, size int64) error {
	files, err := inspect(r, size)
	if err != nil {
		return err
	}
	left := int64(faas.MaxUnpackedSize)
	for _, f := range files {
		if f.FileInfo().IsDir() {
			continue
		}
		n, err := inflate(f, io.Discard, left)
		if err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// encrypted is the bit of a zip entry's flags that says its data is.
const encrypted = 0x1

// inspect opens the zip and judges everything that can be told without inflating.
func inspect(r io.ReaderAt, size int64) ([]*zip.File, error) {
	source := &reader{ReaderAt: r, left: maxDirectory}
	z, err := zip.NewReader(source, size)
	source.left = math.MaxInt64
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		switch {
		case errors.Is(source.failed, errDirectory):
			return nil, faas.Errorf(
				faas.Invalid,
				"The package's directory of entries is larger than %d bytes; at most %d entries are allowed.",
				maxDirectory, faas.MaxPackageEntries,
			)
		case source.failed != nil:
			return nil, fmt.Errorf("read package: %w", source.failed)
		}
		return nil, faas.Errorf(faas.Invalid, "The package is not a zip file, or it is damaged.")
	}
	if len(z.File) > faas.MaxPackageEntries {
		return nil, faas.Errorf(
			faas.Invalid, "The package has %d entries; at most %d are allowed.", len(z.File),
			faas.MaxPackageEntries,
		)
	}
	tree := newTree(len(z.File))
	var declared uint64
	for _, f := range z.File {
		if err := checkEntry(f); err != nil {
			return nil, err
		}
		if err := tree.add(f.Name); err != nil {
			return nil, err
		}
		if declared += f.UncompressedSize64; declared > faas.MaxUnpackedSize || f.UncompressedSize64 > faas.MaxUnpackedSize {
			return nil, tooLarge()
		}
	}
	return z.File, nil
}

// maxDirectory is how many bytes may be read of a zip before its entries are judged: 400 for each
// of as many as are allowed. The zip reader believes no count: it makes an entry, several times as
// large, of each 46 bytes that look like one, and only then says how many.
const maxDirectory = 8 << 20

var errDirectory = errors.New("the directory is too large")

// reader remembers the source's own failure: every other error about a zip is its author's,
// whatever the zip reader calls it.
type reader struct {
	io.ReaderAt
	left   int64 // bytes that may still be read
	failed error
}

func (r *reader) ReadAt(p []byte, at int64) (int, error) {
	if r.left < int64(len(p)) {
		r.failed = errDirectory
		return 0, r.failed
	}
	r.left -= int64(len(p))
	n, err := r.ReaderAt.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
	}
	return n, err
}

// checkEntry judges one entry by its header alone.
func checkEntry(f *zip.File) error {
	if why := badName(f.Name); why != "" {
		return faas.Errorf(faas.Invalid, "The package's entry %q is refused: %s.", shorten(f.Name), why)
	}
	mode := f.Mode()
	switch {
	case f.Flags&encrypted != 0:
		return refuse(f, "it is encrypted")
	case mode&fs.ModeSymlink != 0:
		return refuse(f, "it is a symbolic link")
	case mode.IsDir() != strings.HasSuffix(f.Name, "/"):
		return refuse(f, "its name and its kind disagree on whether it is a directory")
	case mode.Type()&^fs.ModeDir != 0:
		return refuse(f, "it is neither a file nor a directory")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return refuse(f, fmt.Sprintf("its compression method %d is neither stored nor deflated", f.Method))
	}
	return nil
}

// inflate copies an entry's data to w and returns its true size. It stops at left bytes, whatever
// the header said.
func inflate(f *zip.File, w io.Writer, left int64) (int64, error) {
	rc, err := f.Open()
	if err != nil {
		return 0, refuse(f, "it cannot be read")
	}
	defer rc.Close()
	n, err := io.Copy(writer{w}, io.LimitReader(rc, left+1))
	var failed *writeError
	switch {
	case errors.As(err, &failed):
		return n, fmt.Errorf("unpack %q: %w", shorten(f.Name), failed.cause)
	case errors.Is(err, zip.ErrChecksum):
		return n, refuse(f, "its data does not match its checksum")
	case err != nil:
		return n, refuse(f, "its data is damaged")
	case n > left:
		return n, tooLarge()
	}
	return n, nil
}

// writer marks errors of the destination, which are ours, so that they differ from those of the
// zip, which are its author's.
type writer struct{ io.Writer }

func (w writer) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = &writeError{err}
	}
	return n, err
}

type writeError struct{ cause error }

func (e *writeError) Error() string { return e.cause.Error() }

func refuse(f *zip.File, why string) error {
	return faas.Errorf(faas.Invalid, "The package's entry %q is refused: %s.", shorten(f.Name), why)
}

func tooLarge() error {
	return faas.Errorf(faas.Invalid, "The package's files are larger than %d bytes together.", faas.MaxUnpackedSize)
}

// shorten keeps an error's text readable whatever the name.
func shorten(name string) string {
	const most = 100
	if len(name) <= most {
		return name
	}
	return name[:most] + "…"
}

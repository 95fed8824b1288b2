package fields

import (
	"bytes"
	"crypto/md5" //nolint:gosec // what clients of the v1 API check; the package's name is its SHA-256
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/openstack-faas/faas/internal/faas"
)

// SpoolInMemory is how many bytes of a package are held in memory; a larger one goes to a file.
const SpoolInMemory = 1 << 20

// Spool holds a package while it is checked: a stranger's bytes, of which nothing is known but that
// they are not too many. Its file has no name, so that nothing stays behind when the process dies.
type Spool struct {
	room   room
	leave  func() // gives the file's place back; nil when it has none
	memory bytes.Buffer
	file   *os.File
	Size   int64
	md5    hash.Hash
	sha256 hash.Hash
}

// room is where packages go that are too large for memory.
type room struct {
	dir  string                           // "" is the system's temporary folder
	take func() (leave func(), err error) // waits for a place there
}

// fill takes all of r in, and stops as soon as it is more than a package may be.
func (s *Spool) fill(r io.Reader) error {
	s.md5, s.sha256 = md5.New(), sha256.New() //nolint:gosec // as above
	sum := io.MultiWriter(s.md5, s.sha256)
	n, err := io.Copy(io.MultiWriter(&s.memory, sum), io.LimitReader(r, SpoolInMemory))
	if s.Size = n; err != nil {
		return err
	}
	if n < SpoolInMemory {
		return nil
	}
	if err := s.toFile(); err != nil {
		return err
	}
	n, err = io.Copy(io.MultiWriter(s.file, sum), io.LimitReader(r, faas.MaxPackageSize-s.Size+1))
	if s.Size += n; err != nil {
		return err
	}
	if s.Size > faas.MaxPackageSize {
		return packageTooLarge()
	}
	return nil
}

func packageTooLarge() error {
	return faas.Errorf(
		faas.TooLarge, "The package is larger than %d MB (%d bytes).", faas.MaxPackageSize>>20,
		faas.MaxPackageSize,
	)
}

// toFile moves what is in memory to a file, for which it waits for its turn.
func (s *Spool) toFile() (err error) {
	if s.leave, err = s.room.take(); err != nil {
		return err
	}
	file, err := os.CreateTemp(s.room.dir, "faas-package-")
	if err != nil {
		return spoolFailed(err)
	}
	s.file = file
	if err := os.Remove(file.Name()); err != nil {
		return spoolFailed(err)
	}
	if _, err := s.memory.WriteTo(file); err != nil {
		return spoolFailed(err)
	}
	s.memory = bytes.Buffer{}
	return nil
}

func spoolFailed(err error) error {
	return faas.Errorf(faas.Unavailable, "The service has no disk space for the package now; try again later.").
		WithCause(fmt.Errorf("spool a package: %w", err))
}

// Content returns the bytes, for reading from anywhere.
func (s *Spool) Content() io.ReaderAt {
	if s.file != nil {
		return s.file
	}
	return bytes.NewReader(s.memory.Bytes())
}

// Sums returns the digests in hexadecimal.
func (s *Spool) Sums() (md5sum, sha256sum string) {
	return hex.EncodeToString(s.md5.Sum(nil)), hex.EncodeToString(s.sha256.Sum(nil))
}

// Close forgets the bytes. A nil spool has none.
func (s *Spool) Close() {
	if s == nil {
		return
	}
	if s.file != nil {
		s.file.Close()
	}
	if s.leave != nil {
		s.leave()
	}
}

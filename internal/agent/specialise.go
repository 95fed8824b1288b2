package agent

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/openstack-faas/faas/internal/archive"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/jsonlines"
)

// maxHead bounds the line that announces a package, in bytes.
const maxHead = 64 << 10

// packageError is a refusal of what came: nothing of it stays, and the worker is as generic as
// before.
type packageError struct{ why string }

func (e *packageError) Error() string { return e.why }

// specialise makes the worker the function's own. The error is a *packageError when the package is
// to blame; any other is ours.
func (a *Agent) specialise(body io.Reader) (refused string, err error) {
	first, refused := a.worker.claim()
	if refused != "" {
		return refused, nil
	}
	if err := a.mark.leave(); err != nil {
		a.worker.unclaim(first)
		return "", err
	}
	s, err := a.unpack(body)
	if err != nil {
		if cleared := errors.Join(empty(a.config.CodeDir), a.mark.remove()); cleared != nil {
			a.root.fail(fmt.Errorf("a refused package could not be removed: %w", cleared))
		}
		a.worker.unclaim(first)
		return "", err
	}
	// Before any of the function's code runs, and after anything for which the worker may be
	// nobody's again: there is no way back from the bound.
	if err := a.memory.hold(a.worker.status().Footprint, s.MemorySize); err != nil {
		a.log.Warn("the pool's ceiling bounds the function's memory until its own limit is set", "error", err)
	}
	a.worker.specialised(s, a.prepare(first, s))
	return "", nil
}

// prepare lets the first slot load the function before the first call is there. It returns nil when
// the slot cannot be kept: some languages can be held to the function's memory only from the start
// of their process.
func (a *Agent) prepare(first *slot, s faas.Specialisation) *slot {
	if !a.runtime.Bounded() && a.root.hello.BoundsMemory == "start" {
		a.discard(first)
		return nil
	}
	_ = first.conn.SetDeadline(a.now().Add(loadTimeout))
	if _, err := first.conn.Write(a.loadLine(first, s)); err != nil {
		a.discard(first)
		return nil
	}
	return first
}

// loadTimeout bounds how long an idle slot may leave what it is sent unread.
const loadTimeout = 2 * time.Second

// unpack reads the request and puts the package's files in their place.
func (a *Agent) unpack(body io.Reader) (faas.Specialisation, error) {
	r := bufio.NewReaderSize(body, 4096)
	s, err := readHead(r)
	if err != nil {
		return s, err
	}
	spooled, err := spool(r, a.config.CodeDir) // the run directory is small, and in memory
	if err != nil {
		return s, err
	}
	defer spooled.close()
	if spooled.sha256 != s.SHA256 {
		return s, &packageError{"the package's SHA-256 is " + spooled.sha256 + ", not " + s.SHA256}
	}
	err = archive.Unpack(spooled, spooled.size, a.config.CodeDir)
	if faas.KindOf(err) == faas.Invalid {
		return s, &packageError{err.Error()}
	}
	return s, err
}

// readHead reads the line before the package.
func readHead(r *bufio.Reader) (faas.Specialisation, error) {
	var s faas.Specialisation
	head, err := jsonlines.NewReader(r, maxHead).Next()
	if err != nil {
		return s, &packageError{"there is no line that announces the package: " + err.Error()}
	}
	if err := json.Unmarshal(head, &s); err != nil {
		return s, &packageError{"the line that announces the package is wrong: " + err.Error()}
	}
	if s.Key.FunctionID == "" || s.Entry == "" || s.SHA256 == "" {
		return s, &packageError{"the line that announces the package lacks key, entry or sha256"}
	}
	return s, nil
}

// spooled is a package that can be read at any place: in memory, or in a file without a name when
// it is large.
type spooled struct {
	io.ReaderAt
	size   int64
	sha256 string // hex
	file   *os.File
}

// inMemory is how large a package may be without taking a file, in bytes.
const inMemory = 1 << 20

func spool(r io.Reader, dir string) (*spooled, error) {
	hash := sha256.New()
	in := io.TeeReader(r, hash)
	var small bytes.Buffer
	n, err := io.CopyN(&small, in, inMemory)
	p := &spooled{ReaderAt: bytes.NewReader(small.Bytes()), size: n}
	if err == nil {
		err = p.overflow(small.Bytes(), in, dir)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		p.close()
		return nil, fmt.Errorf("receive package: %w", err)
	}
	if p.size > faas.MaxPackageSize {
		p.close()
		return nil, &packageError{fmt.Sprintf("the package is larger than %d bytes", faas.MaxPackageSize)}
	}
	p.sha256 = hex.EncodeToString(hash.Sum(nil))
	return p, nil
}

// overflow moves to a file what does not fit into memory.
func (p *spooled) overflow(begun []byte, rest io.Reader, dir string) error {
	file, err := os.CreateTemp(dir, "package-")
	if err != nil {
		return err
	}
	p.file, p.ReaderAt = file, file
	if err := os.Remove(file.Name()); err != nil {
		return err
	}
	if _, err := file.Write(begun); err != nil {
		return err
	}
	n, err := io.Copy(file, io.LimitReader(rest, faas.MaxPackageSize+1-p.size))
	p.size += n
	return err
}

func (p *spooled) close() {
	if p.file != nil {
		p.file.Close()
	}
}

// empty removes what is in a directory.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

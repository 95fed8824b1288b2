package codestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Files keeps packages in a folder: ab/abcdef…, with what is being written in staging/.
type Files struct {
	root    string
	staging string
}

// staleAfter is how old a file in staging must be at the start to count as left behind by a process
// that died.
const staleAfter = time.Hour

// NewFiles opens the folder, making it when it is missing, and clears what a crash left half
// written.
func NewFiles(dir string) (*Files, error) {
	f := &Files{root: dir, staging: filepath.Join(dir, "staging")}
	if err := os.MkdirAll(f.staging, 0o700); err != nil {
		return nil, fmt.Errorf("packages: %w", err)
	}
	entries, err := os.ReadDir(f.staging)
	if err != nil {
		return nil, fmt.Errorf("packages: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(filepath.Join(f.staging, e.Name())) // tried again at the next start
		}
	}
	return f, nil
}

// path returns a package's place. The digest's form is checked, so no name can lead anywhere else.
func (f *Files) path(digest string) (string, error) {
	if err := checkDigest(digest); err != nil {
		return "", err
	}
	return filepath.Join(f.root, digest[:2], digest), nil
}

// Put implements Store.
func (f *Files) Put(ctx context.Context, digest string, r io.Reader) error {
	path, err := f.path(digest)
	if err != nil {
		return err
	}
	staged, err := f.stage(ctx, digest, r)
	if err != nil {
		return err
	}
	if err := f.move(staged, path); err != nil {
		return errors.Join(fmt.Errorf("store package: %w", err), os.Remove(staged))
	}
	return nil
}

// stage writes the bytes durably beside their place and returns the file's name.
func (f *Files) stage(ctx context.Context, digest string, r io.Reader) (string, error) {
	tmp, err := os.CreateTemp(f.staging, digest[:8]+"-")
	if err != nil {
		return "", fmt.Errorf("store package: %w", err)
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(tmp, hash), contextReader{ctx, r})
	if err == nil && hex.EncodeToString(hash.Sum(nil)) != digest {
		err = faas.Errorf(faas.Invalid, "The package's SHA-256 is %x, not %s as announced.", hash.Sum(nil), digest)
	}
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(tmp.Name()))
	}
	return tmp.Name(), nil
}

// move puts a staged file in its place. One that is there already is the same, and is replaced by
// it, which renews its age.
func (f *Files) move(staged, path string) error {
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(staged, path); err != nil {
		return err
	}
	// The root too, whoever made the folder: another Put may have made it just now and not have
	// come to its own sync.
	return errors.Join(syncDir(dir), syncDir(f.root))
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open implements Store.
func (f *Files) Open(_ context.Context, digest string) (io.ReadCloser, int64, error) {
	path, err := f.path(digest)
	if err != nil {
		return nil, 0, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, faas.Errorf(faas.NotFound, "There is no package %s.", digest)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open package: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open package: %w", err), file.Close())
	}
	return file, info.Size(), nil
}

// Delete implements Store.
func (f *Files) Delete(_ context.Context, digest string) error {
	path, err := f.path(digest)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete package: %w", err)
	}
	return nil
}

// List implements Store.
func (f *Files) List(ctx context.Context, visit func(digest string, put time.Time) error) error {
	return filepath.WalkDir(f.root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // deleted while we looked
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case path == f.staging:
			return fs.SkipDir
		case d.IsDir() || !IsDigest(d.Name()):
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return visit(d.Name(), info.ModTime())
	})
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

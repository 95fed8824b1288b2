package codestore

import (
	"context"
	"crypto/md5" //nolint:gosec // Swift's own checksum; the package's name is its SHA-256
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/swift"
)

// Swift keeps packages as objects of one container, each named by its digest. The container is made
// when the first package is stored.
type Swift struct {
	client    *swift.Client
	container string
	spool     string
}

// NewSwift makes a store in a container, and contacts nobody. Packages on their way are held in
// files of the folder spool, which have no names there; "" is the system's temporary folder.
func NewSwift(client *swift.Client, container, spool string) *Swift {
	return &Swift{client: client, container: container, spool: spool}
}

// Put implements Store. Only a package that has arrived as a whole and is what it was announced as
// is sent to Swift, which takes it as a whole or not at all.
func (s *Swift) Put(ctx context.Context, digest string, r io.Reader) error {
	if err := checkDigest(digest); err != nil {
		return err
	}
	file, md5sum, err := s.hold(ctx, digest, r)
	if err != nil {
		return err
	}
	defer file.Close()
	err = s.client.Put(ctx, s.container, digest, file, md5sum)
	if errors.Is(err, swift.ErrNotFound) {
		err = s.putInNew(ctx, digest, file, md5sum)
	}
	return unreached("store", err)
}

// The pauses between attempts to store a first package; each is twice as long as the one before.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 4 * time.Second
)

// putInNew makes the container and stores a package in it. Swift's cache may go on saying for six
// seconds that there is none, where it was asked about it while it was being made; making it again
// clears that.
func (s *Swift) putInNew(ctx context.Context, digest string, file io.ReadSeeker, md5sum string) error {
	for pause := firstPause; ; pause *= 2 {
		err := s.client.EnsureContainer(ctx, s.container)
		if err == nil {
			err = s.client.Put(ctx, s.container, digest, file, md5sum)
		}
		if !errors.Is(err, swift.ErrNotFound) || pause > lastPause {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// hold takes a package in and returns it as a file without a name, with its MD5, once it has the
// digest.
func (s *Swift) hold(ctx context.Context, digest string, r io.Reader) (_ *os.File, md5sum string, err error) {
	file, err := os.CreateTemp(s.spool, "faas-package-")
	if err != nil {
		return nil, "", fmt.Errorf("store package: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, "", fmt.Errorf("store package: %w", err)
	}
	sha, sum := sha256.New(), md5.New() //nolint:gosec // as above
	if _, err := io.Copy(io.MultiWriter(file, sha, sum), contextReader{ctx, r}); err != nil {
		return nil, "", err
	}
	if got := hex.EncodeToString(sha.Sum(nil)); got != digest {
		return nil, "", faas.Errorf(faas.Invalid, "The package's SHA-256 is %s, not %s as announced.", got, digest)
	}
	return file, hex.EncodeToString(sum.Sum(nil)), nil
}

// Open implements Store.
func (s *Swift) Open(ctx context.Context, digest string) (io.ReadCloser, int64, error) {
	if err := checkDigest(digest); err != nil {
		return nil, 0, err
	}
	body, o, err := s.client.Get(ctx, s.container, digest)
	if errors.Is(err, swift.ErrNotFound) {
		return nil, 0, faas.Errorf(faas.NotFound, "There is no package %s.", digest)
	}
	if err != nil {
		return nil, 0, unreached("open", err)
	}
	if o.Size < 0 {
		return nil, 0, errors.Join(unreached("open", fmt.Errorf("Swift reported no size of %s", digest)), body.Close())
	}
	return body, o.Size, nil
}

// Delete implements Store.
func (s *Swift) Delete(ctx context.Context, digest string) error {
	if err := checkDigest(digest); err != nil {
		return err
	}
	err := s.client.Delete(ctx, s.container, digest)
	if errors.Is(err, swift.ErrNotFound) {
		return nil
	}
	return unreached("delete", err)
}

// List implements Store. Objects of other names are nobody's packages and are left alone.
func (s *Swift) List(ctx context.Context, visit func(digest string, put time.Time) error) error {
	var stopped error
	err := s.client.List(ctx, s.container, func(e swift.Entry) error {
		if !IsDigest(e.Name) {
			return nil
		}
		stopped = visit(e.Name, e.Modified)
		return stopped
	})
	if stopped != nil || err == nil || errors.Is(err, swift.ErrNotFound) {
		return stopped
	}
	return unreached("list", err)
}

// unreached returns the error for a request that Swift or Keystone did not carry out; nil for nil.
// It passes: the next try may find them well.
func unreached(op string, err error) error {
	if err == nil {
		return nil
	}
	return faas.Errorf(
		faas.Unavailable, "The package cannot be stored or read now: Swift cannot be reached or has failed. Try again later.",
	).
		WithCause(fmt.Errorf("%s package: %w", op, err))
}

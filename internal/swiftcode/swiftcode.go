// Package swiftcode reads functions' code from objects in their projects' Swift. The API does so
// with the caller's token, the engine with a token of the function's trust. An object is checked
// like an uploaded package and kept in the code store.
package swiftcode

import (
	"context"
	"crypto/md5" //nolint:gosec // what clients of the v1 API check; the package's name is its SHA-256
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/openstack-faas/faas/internal/archive"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/swift"
)

// Endpoint returns the URL of a project's account in Swift.
type Endpoint func(ctx context.Context, projectID string) (string, error)

// Config is what a Source needs. Every field is required but Spool.
type Config struct {
	Swift    *swift.Client // for its connections; its own token is not used
	Endpoint Endpoint
	Code     codestore.Store
	MaxSize  int64  // bytes of an object
	Spool    string // folder of objects on their way, which have no names there; "" is the system's temporary folder
}

// Source reads objects. It is safe for concurrent use.
type Source struct {
	cfg Config
	// of objects in files; not those of uploads, so that whoever uploads slowly keeps no function
	// from its code
	places   *codestore.Places
	checking chan struct{} // holds a token for each object that is being checked
}

const (
	maxChecking = 2                // objects that are inflated at a time for checking: it takes a core for up to seconds
	headTimeout = 2 * time.Second  // bounds the read of an object's metadata
	readTimeout = 60 * time.Second // and of an object
)

// New returns a source. It sends no request.
func New(cfg Config) *Source {
	return &Source{cfg: cfg, places: codestore.NewPlaces(), checking: make(chan struct{}, maxChecking)}
}

// Names checks the names of an object; the error is of kind Invalid.
func Names(container, object string) error {
	if err := swift.CheckNames(container, object); err != nil {
		return faas.Errorf(
			faas.Invalid, "The %s cannot exist: %v.", named(faas.Code{Container: container, Object: object}),
			err,
		)
	}
	return nil
}

// Room reports whether a project may keep a package of so many bytes; the error is of kind
// OverQuota when not.
type Room func(ctx context.Context, size int64) error

// Fetch reads the object that the code names, with the rights of the token, and returns the code
// with what it found; its bytes are kept then. room is asked before they are read, and again before
// they are kept; nil has room for anything. Errors that are the object's are of kind Invalid, or
// OverQuota, and say what would be right; when they are of its content, the code has its ETag, else
// it has none. Unauthenticated says that the token is not valid, Unavailable that Swift cannot be
// reached, and Busy that too many objects are being read.
func (s *Source) Fetch(
	ctx context.Context, token faas.Secret, projectID string, code faas.Code, room Room,
) (faas.Code, error) {
	code = faas.Code{Source: faas.SourceSwift, Container: code.Container, Object: code.Object}
	if room == nil {
		room = func(context.Context, int64) error { return nil }
	}
	leave, err := s.places.Take(ctx, projectID)
	if err != nil {
		return code, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	account, err := s.account(ctx, token, projectID)
	if err != nil {
		return code, err
	}
	body, object, err := account.Get(ctx, code.Container, code.Object)
	if err != nil {
		return code, s.explained(code, err)
	}
	defer body.Close()
	code.ETag = short(object.ETag)
	if object.Size > s.cfg.MaxSize {
		return code, s.tooLarge(code)
	}
	if object.Size > 0 { // as announced; what arrives counts
		if err := room(ctx, object.Size); err != nil {
			return code, err
		}
	}
	return s.keep(ctx, code, body, room)
}

// ETag returns the ETag of what the object that the code names holds now, as Fetch records it.
// Errors are as those of Fetch.
func (s *Source) ETag(ctx context.Context, token faas.Secret, projectID string, code faas.Code) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	account, err := s.account(ctx, token, projectID)
	if err != nil {
		return "", err
	}
	object, err := account.Head(ctx, code.Container, code.Object)
	if err != nil {
		return "", s.explained(code, err)
	}
	if object.Size > s.cfg.MaxSize {
		return "", s.tooLarge(code)
	}
	return short(object.ETag), nil
}

// account is the project's Swift with the token's rights.
func (s *Source) account(ctx context.Context, token faas.Secret, projectID string) (*swift.Client, error) {
	endpoint, err := s.cfg.Endpoint(ctx, projectID)
	if err != nil {
		e := faas.Errorf(faas.Unavailable, "The endpoint of Swift cannot be read from Keystone now; try again later.").
			WithCause(err)
		e.RetryAfter = retryAfter
		return nil, e
	}
	return s.cfg.Swift.With(token.Reveal(), endpoint), nil
}

// keep copies an object's bytes to a temporary file, checks them and stores them.
func (s *Source) keep(ctx context.Context, code faas.Code, body io.Reader, room Room) (faas.Code, error) {
	file, err := os.CreateTemp(s.cfg.Spool, "faas-object-")
	if err != nil {
		return code, noRoom(err)
	}
	defer file.Close()
	if err := os.Remove(file.Name()); err != nil {
		return code, noRoom(err)
	}
	md5sum, sha := md5.New(), sha256.New() //nolint:gosec // as above
	from := &source{Reader: body}
	code.Size, err = io.Copy(io.MultiWriter(file, md5sum, sha), io.LimitReader(from, s.cfg.MaxSize+1))
	switch {
	case from.failed != nil:
		return code, s.explained(code, from.failed)
	case err != nil:
		return code, noRoom(err)
	case code.Size > s.cfg.MaxSize:
		return code, s.tooLarge(code)
	}
	code.MD5, code.SHA256 = hex.EncodeToString(md5sum.Sum(nil)), hex.EncodeToString(sha.Sum(nil))
	if err := room(ctx, code.Size); err != nil {
		return code, err
	}
	if err := s.check(ctx, code, file); err != nil {
		return code, err
	}
	return code, s.cfg.Code.Put(ctx, code.SHA256, io.NewSectionReader(file, 0, code.Size))
}

// check waits for one of the places where objects are checked.
func (s *Source) check(ctx context.Context, code faas.Code, file io.ReaderAt) error {
	select {
	case s.checking <- struct{}{}:
		defer func() { <-s.checking }()
	case <-ctx.Done():
		return away(code, ctx.Err())
	}
	return unfit(code, archive.Check(file, code.Size))
}

// source keeps an error of reading the object, to tell it from those of writing the file.
type source struct {
	io.Reader
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
}

// maxETag is how many letters of an ETag are recorded as they are.
const maxETag = 200

// short returns an ETag as it is recorded: unchanged, or a hash of one that is too long or not
// printable, which is not Swift's.
func short(etag string) string {
	plain := len(etag) <= maxETag
	for _, c := range []byte(etag) {
		plain = plain && c >= ' ' && c < 0x7f
	}
	if plain {
		return etag
	}
	sum := sha256.Sum256([]byte(etag))
	return fmt.Sprintf("sha256:%x", sum)
}

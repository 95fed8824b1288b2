// Package codestore keeps function packages by the SHA-256 of their bytes, so that one content is
// stored once and can never change.
package codestore

import (
	"context"
	"io"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Store is implemented by Files and Swift. Digests are 64 lower-case hexadecimal digits; any other
// text is refused.
type Store interface {
	// Put stores the bytes of r under their digest, which must equal sha256, else nothing is stored
	// and the error's kind is faas.Invalid. It is durable when Put returns. Storing what is there
	// already renews its age and is no error.
	Put(ctx context.Context, sha256 string, r io.Reader) error
	// Open returns the bytes and their number. The error's kind is faas.NotFound when there are
	// none.
	Open(ctx context.Context, sha256 string) (body io.ReadCloser, size int64, err error)
	// Delete deletes the bytes. It is no error when there are none.
	Delete(ctx context.Context, sha256 string) error
	// List calls visit for each package with the time when it was last put, until visit returns an
	// error, which List returns.
	List(ctx context.Context, visit func(sha256 string, put time.Time) error) error
}

// IsDigest reports whether the text is a SHA-256 as packages are named by it.
func IsDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func checkDigest(digest string) error {
	if !IsDigest(digest) {
		return faas.Errorf(
			faas.Invalid, "The digest of a package must be 64 lower-case hexadecimal digits; it is %q.", digest,
		)
	}
	return nil
}

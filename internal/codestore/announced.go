package codestore

import (
	"context"
	"io"
)

// Announced is a store that tells of each package before it is stored: whoever deletes packages
// that no function refers to leaves it alone then until its function is recorded, or late.
type Announced struct {
	Store
	// Announce is told the digest. With its error the package is not stored.
	Announce func(ctx context.Context, sha256 string) error
}

// Put implements Store.
func (a Announced) Put(ctx context.Context, digest string, r io.Reader) error {
	if err := checkDigest(digest); err != nil {
		return err
	}
	if err := a.Announce(ctx, digest); err != nil {
		return err
	}
	return a.Store.Put(ctx, digest, r)
}

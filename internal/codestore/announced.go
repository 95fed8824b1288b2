package codestore

import (
	"context"
	"io"
)

// Announced is a store that announces each package before it is stored. The deletion of packages
// that no function refers to spares announced ones for a while: long enough for their functions to
// be recorded.
type Announced struct {
	Store
	// Announce is called with the digest before Put stores the package. After an error the package is
	// not stored.
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
